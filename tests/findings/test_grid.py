"""A claim is open in a reading in which a model that it speaks of is not trained, and says which."""

from dataclasses import replace

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.checks import parse_choices
from plait.experiments.settings import BARE, DROPPED
from plait.findings.claims import Claim, Outcome, found_text, judged
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import AS_TRAINED, AT_ITS_BEST, Reading, read
from plait.findings.grid import MOST_NAMED, untrained, untrained_text
from plait.findings.trends import alone_past
from plait.paper import FIGURES
from plait.paper.fig5 import FIG5, THREE_LAYERS

EXPERIMENT = replace(FIG5.experiment, vary={**FIG5.experiment.vary, "model.d_model": (8, 12, 24)}, quick=())
SMALL = EXPERIMENT.where({"train.lr": (1e-2,), "train.seed": range(2)})
CLAIM = Claim(
    statement="The hybrid alone is past one half up to width 12",
    only=("model.d_model=8,12",),
    judge=alone_past(THREE_LAYERS[2], THREE_LAYERS[:2], over=0.5, below=0.5, widest=12),
)


def rows_of(setting) -> pl.DataFrame:
    return made_up_rows(SMALL.in_setting(setting))[0]


def evidence(rows: pl.DataFrame, reading: Reading = AS_TRAINED) -> Evidence:
    return read(EXPERIMENT.in_setting(BARE), StoredRows(rows=rows), reading)


def without(rows: pl.DataFrame, pattern: str, d_model: int) -> pl.DataFrame:
    return rows.filter(~((pl.col("pattern") == pattern) & (pl.col("d_model") == d_model)))


def test_each_model_of_the_slice_that_is_missing_opens_the_claim_and_is_named():
    rows = rows_of(BARE)
    whole = judged(CLAIM, evidence(rows))
    assert whole is not None
    assert whole.outcome is Outcome.REPRODUCED
    assert judged(CLAIM, evidence(without(rows, THREE_LAYERS[0], 24))) == whole, (
        "width 24 is not of the claim"
    )
    for pattern in THREE_LAYERS:
        for d_model in (8, 12):
            part = judged(CLAIM, evidence(without(rows, pattern, d_model)))
            assert part is not None
            assert part.outcome is Outcome.OPEN
            assert f"not trained: {pattern} d{d_model}" in found_text(part)
    told = replace(CLAIM, of_trained=True)
    part = judged(told, evidence(without(rows, THREE_LAYERS[0], 12)))
    assert part is not None
    assert part.outcome is Outcome.REPRODUCED
    assert part.why.endswith(f"not trained: {THREE_LAYERS[0]} d12")


def test_at_its_best_a_model_needs_both_settings():
    bare, dropped = rows_of(BARE), rows_of(DROPPED)
    both = evidence(pl.concat([bare, dropped]), AT_ITS_BEST)
    assert untrained(both, CLAIM.only) == ()
    one = evidence(pl.concat([bare, without(dropped, "TF-TF-TF", 12)]), AT_ITS_BEST)
    assert untrained(one, CLAIM.only) == (f"TF-TF-TF d12 ({DROPPED.title})",)
    neither = evidence(without(pl.concat([bare, dropped]), "TF-TF-TF", 12), AT_ITS_BEST)
    assert untrained(neither, CLAIM.only) == ("TF-TF-TF d12",)
    for found in (one, neither):
        finding = judged(CLAIM, found)
        assert finding is not None
        assert finding.outcome is Outcome.OPEN


def test_many_models_are_counted():
    names = [f"TF-TF d{width}" for width in range(MOST_NAMED + 2)]
    assert untrained_text(()) == ""
    assert untrained_text(names).endswith(f"{names[MOST_NAMED - 1]} and 2 more")


@pytest.mark.parametrize("name", ["fig7", "fig14", "proportion", "length"])
def test_every_claim_asks_for_all_models_of_its_slice(name):
    """Also those measured elsewhere: all places of a model are lost with it."""
    figure = FIGURES[name]
    part = figure.experiment.where({"train.lr": (1e-2,), "train.seed": range(2)})
    rows, evaluations = made_up_rows(part)
    for claim in figure.claims:
        fields = parse_choices("--only", claim.only)
        first = (part.where(fields) if fields else part).members()[0]
        less = StoredRows(
            rows=rows.filter(~pl.col("member").is_in(first)),
            evaluations=evaluations,
        )
        finding = judged(claim, read(figure.experiment, less))
        assert finding is None or finding.outcome is Outcome.OPEN


def test_a_model_that_is_not_measured_at_one_place_is_missing():
    figure = FIGURES["length"]
    part = figure.experiment.where({"train.lr": (1e-2,), "train.seed": range(2)})
    rows, evaluations = made_up_rows(part)
    there = pl.col("member").is_in(part.members()[0]) & (pl.col("evaluation") == evaluations["evaluation"][0])
    less = read(figure.experiment, StoredRows(rows=rows, evaluations=evaluations.filter(~there)))
    assert (
        len(less.cells)
        == len(read(figure.experiment, StoredRows(rows=rows, evaluations=evaluations)).cells) - 1
    )
    assert len(untrained(less, ())) == 1


@pytest.mark.parametrize("name", ["fig4", "fig6", "fig15"])
def test_a_claim_s_slice_holds_every_model_that_decides_it(name):
    """What checks a claim finds the number that is told of it."""
    figure = FIGURES[name]
    part = figure.experiment.where({"train.lr": (1e-2,), "train.seed": range(2)})
    rows, _ = made_up_rows(part)
    whole = read(figure.experiment, StoredRows(rows=rows))
    for claim in figure.claims:
        members = sum(part.where(parse_choices("--only", claim.only)).members(), ())
        sliced = read(figure.experiment, StoredRows(rows=rows.filter(pl.col("member").is_in(members))))
        assert judged(claim, sliced) == judged(claim, whole)
