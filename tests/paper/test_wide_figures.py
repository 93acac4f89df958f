"""Figure 8 and Table 1: the released models by their sizes, others of the hybrid's, what is trained, and the claims."""

from dataclasses import replace

import polars as pl
import pytest
import torch
from made_up_rows import made_up_rows

from plait.findings.claims import Outcome
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure
from plait.model import HybridConfig, HybridLM
from plait.paper import wide_models as wide
from plait.paper.fig8 import FIG8
from plait.paper.tab1 import TAB1
from plait.paper.wide_models import BegunRecall
from plait.random import Stream
from plait.report.document import Lines
from plait.report.length_answer import length_answer
from plait.tasks import DecodingRecall
from plait.tasks.packed import Packed


def parameters(config: HybridConfig) -> int:
    with torch.device("meta"):
        model = HybridLM(replace(config, vocab_size=21), seed=None)
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_released_models_have_the_papers_sizes() -> None:
    assert wide.BASE.task.vocab_size == 21
    millions = [parameters(model) / 1e6 for model in wide.as_run(wide.WIDE)]
    assert millions == pytest.approx([90.4, 151.2, 213.4], abs=0.05)


@pytest.mark.parametrize("width", [wide.WIDE, wide.SMALL])
def test_others_have_the_hybrids_size(width: int) -> None:
    hybrid, *others = wide.equal_size(width)
    if width == wide.WIDE:
        others += [wide.hybrid(width, pattern) for pattern in (wide.TURNED, wide.LATE, wide.SINGLE)]
    size = parameters(hybrid)
    assert [parameters(model) / size for model in others] == pytest.approx([1.0] * len(others), abs=0.03)


def test_which_rates_and_seeds() -> None:
    for figure in (FIG8, TAB1):
        for runs in figure.experiment.expand_cells():
            one = runs[0]
            assert isinstance(one.task, Packed)
            assert isinstance(one.task.task, DecodingRecall)
            assert (one.train.steps, one.train.batch, one.train.seq_len) == (2_000, 8, 200)
            rates = {run.train.lr for run in runs}
            seeds = {run.train.seed for run in runs}
            assert one.train.products == (
                "float32" if one.model.d_model == wide.SMALL or len(seeds) == 2 else "bfloat16"
            )
            assert wide.BASE_LR in rates or rates == set(wide.SMALL_LRS)
            if one.model.d_model == wide.WIDE and one.train.products == "bfloat16":
                assert len(seeds) == (5 if one.task.task.p_bit == 0.2 else 3)
            elif one.model.d_model == wide.SMALL:
                assert len(seeds) == 3


def test_a_rate_is_chosen_where_sizes_are_equal_and_released_otherwise() -> None:
    """The largest rate stands beside, lest an edge be chosen."""
    found = {
        (task.separator, wide.cell(task, model)[2:]): {run.train.lr for run in runs}
        for runs in FIG8.experiment.expand_cells()
        for task, model in [(runs[0].task, runs[0].model)]
        if isinstance(task, Packed) and model.d_model == wide.WIDE and runs[0].train.products == "bfloat16"
    }
    hybrid, deep = (wide.cell(wide.packed(0.2, separator=True), m)[2:] for m in wide.as_run(wide.WIDE)[::2])
    assert found[True, hybrid] == set(wide.LRS)
    assert found[False, hybrid] == set(wide.TRIED)
    assert found[True, deep] == found[False, deep] == {wide.BASE_LR}


def test_tests_have_the_form_of_the_rows_of_training() -> None:
    test = FIG8.experiment.evaluations[0]
    forms = [test.of(wide.packed(0.9, separator=separator)).task for separator in (False, True)]
    assert forms == [DecodingRecall(n_bits=4, p_bit=0.2), BegunRecall(n_bits=4, p_bit=0.2)]
    assert [type(form) for form in forms] == [DecodingRecall, BegunRecall]


@pytest.mark.parametrize(("figure", "lengths"), [(FIG8, (30, 190, 1_600)), (TAB1, (100, 400))])
def test_the_claims_are_decided_by_rows_and_open_without(figure: Figure, lengths: tuple[int, ...]) -> None:
    tests = [e for e in figure.experiment.evaluations if e.seq_len in lengths]
    experiment = replace(figure.experiment, evaluations=tuple(tests)).where(
        {"model.d_model": (wide.WIDE,), "train.lr": wide.TRIED, "train.seed": range(2)}
    )
    stored = StoredRows(**dict(zip(("rows", "evaluations"), made_up_rows(experiment), strict=True)))
    there = Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)
    nothing = Evidence(experiment=experiment, cells=(), stored=stored)
    for claim in figure.claims:
        finding = claim.judge(there)
        assert finding is not None, claim.statement
        assert finding.outcome is not Outcome.OPEN
        assert "not trained" not in finding.ours
        assert claim.judge(nothing) is None


def test_the_program_as_it_was_run_is_shown_at_its_own_rate() -> None:
    """Another rate that was tried of it, and is better, is for the claim that says so alone."""
    tests = [e for e in FIG8.experiment.evaluations if e.seq_len in (100, wide.LONG)]
    experiment = replace(FIG8.experiment, evaluations=tuple(tests)).where(
        {"model.d_model": (wide.WIDE,), "train.lr": wide.TRIED, "train.seed": range(2)}
    )
    rows, measured = made_up_rows(experiment)
    other = rows.filter(pl.col("lr") != wide.BASE_LR)["member"].to_list()
    of_other = pl.when(pl.col("member").is_in(other)).then(0.9).otherwise(0.5)
    stored = StoredRows(
        rows=rows.with_columns(accuracy=of_other, select_accuracy=of_other),
        evaluations=measured.with_columns(accuracy=of_other),
    )
    found = Evidence(experiment=experiment, cells=stored.cells(experiment), stored=stored)
    as_run, repaired = (
        [point.summary for panel in found.panels(view) for line in panel.lines for point in line.points]
        for view in (0, 1)
    )
    assert {(summary.lr, summary.mean) for summary in as_run} == {(wide.BASE_LR, 0.5)}
    assert 0.9 in {summary.mean for summary in repaired}
    lists = [
        block.lines for block in length_answer(found, found) if isinstance(block, Lines) and block.listed
    ]
    (said,) = (line for lines in lists for line in lines if line.startswith("Products in bfloat16"))
    assert said.count("0.000 [0.000, 0.000] (0.500 against 0.500)") == 3


def test_a_row_behind_bos_has_the_examples_targets() -> None:
    task, plain = BegunRecall(n_bits=2, p_bit=0.4), DecodingRecall(n_bits=2, p_bit=0.4)
    tokens = task.sample(Stream(3), batch=5, seq_len=40)
    found, example = task.targets(tokens), plain.targets(tokens[:, 1:])
    assert (tokens[:, 0] == 6).all()
    assert not found.scored[:, 0].any()
    assert torch.equal(found.scored[:, 1:], example.scored)
    assert torch.equal(found.tokens[:, 1:], example.tokens)
    answers = [-1 if answer is None else answer for answer in task.answers(tokens[0].tolist())]
    assert answers == torch.where(found.scored[0], found.tokens[0], -1).tolist()
    with pytest.raises(ValueError, match="must begin with <bos> and have no other"):
        task.targets(tokens.roll(1, -1))
