"""The headline: the sizes that its table promises, a quick form of the right size, and the references."""

from dataclasses import replace

import pytest

from plait.experiments import left_out, plan_shards
from plait.findings.figure import nearest
from plait.model import HybridLM
from plait.paper import CATALOGUE, FIGURES, find_experiment
from plait.tasks import SelectiveCopying

HEADLINE = CATALOGUE["headline"]
SIZES = {
    ("SSM-TF", 8): 2_192,
    ("TF-TF", 10): 2_180,
    ("SSM-SSM", 6): 2_028,
    ("TF-TF", 26): 12_324,
    ("SSM-SSM", 22): 11_836,
}
TARGETS = (2_192, 2_192, 2_192, 12_000, 12_000)


def parameters(run) -> int:
    return sum(parameter.numel() for parameter in HybridLM(run.model).parameters())


def architectures(experiment):
    return {(run.model.pattern, run.model.d_model): run for run in experiment.expand()}


def test_the_sizes_are_those_of_the_docstring():
    assert {key: parameters(run) for key, run in architectures(HEADLINE).items()} == SIZES


@pytest.mark.parametrize(("architecture", "target"), list(zip(SIZES, TARGETS, strict=True)))
def test_no_other_width_is_nearer(architecture, target):
    pattern, d_model = architecture
    model = HEADLINE.base.model
    configs = {
        width: replace(model, pattern=pattern, d_model=width) for width in range(d_model - 2, d_model + 3)
    }
    counts = {
        width: sum(parameter.numel() for parameter in HybridLM(config).parameters())
        for width, config in configs.items()
    }
    assert min(counts, key=lambda width: abs(counts[width] - target)) == d_model


def test_the_full_form():
    runs = HEADLINE.expand()
    assert len(runs) == 5 * 9 * 32
    assert {run.train.steps for run in runs} == {4_000}
    assert {run.model.window for run in runs} == {20}
    assert {run.task for run in runs} == {SelectiveCopying()}
    assert all(run.train.test_sequences >= 1_024 for run in runs)


def test_the_quick_form_is_a_part_that_holds_every_architecture():
    quick = HEADLINE.quick_form()
    assert set(architectures(quick)) == set(SIZES)
    assert set(quick.expand()) < set(HEADLINE.expand())
    for shard in plan_shards(quick.expand()):
        assert len(shard.lrs) >= 2
        assert len(shard.seeds) >= 3


def test_what_the_quick_form_leaves_out_is_named():
    first, *lines = left_out(HEADLINE, HEADLINE.quick_form().expand())
    n_quick = len(HEADLINE.quick_form().expand())
    untrained = f"{1_440 - n_quick:,} of the 1,440 members of the full experiment are not trained"
    assert first == f"{untrained}, {n_quick} are"
    assert all("of 9" in line and "of 32" in line for line in lines)


def test_an_unknown_experiment_is_refused_with_the_nearest():
    assert find_experiment("headline") is HEADLINE
    with pytest.raises(ValueError, match=r"unknown experiment 'headlin'; known: headline.*nearest: headline"):
        find_experiment("headlin")


def test_references():
    found = nearest(FIGURES["fig4"].paper, pattern="SSM-TF", parameters=2_192)
    assert found is not None
    assert (found.accuracy, found.source) == (0.999, "arXiv 2603.08859, Figure 4")
    assert nearest(FIGURES["fig4"].paper, pattern="SSM-TF", parameters=3_500) is None
    assert nearest(FIGURES["fig4"].paper, pattern="MIX", parameters=2_000) is None
    rerun = nearest(FIGURES["fig4"].rerun, pattern="SSM-SSM", parameters=11_836)
    assert rerun is not None
    assert (rerun.parameters, rerun.accuracy) == (13_488, 0.866)
    assert len(FIGURES["fig6"].paper) == len(FIGURES["fig4"].paper) == 16
