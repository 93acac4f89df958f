"""Forecasts: what is counted as stored, and how the time of what is not timed follows from what is."""

from dataclasses import replace

import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment, Store
from plait.experiments.forecast import MOST_TIMED, forecast
from plait.model import HybridConfig
from plait.tasks import SelectiveCopying
from plait.training.run import Evaluation, Run, Train

WIDTHS = (4, 8, 12, 16, 20, 24, 40)


def experiment(**more) -> Experiment:
    return Experiment(
        name="one",
        question="How long?",
        base=Run(
            task=SelectiveCopying(),
            model=HybridConfig(pattern="SSM-TF", d_model=8, window=20),
            train=Train(steps=100),
        ),
        vary={"model.d_model": WIDTHS},
        sweep={"train.lr": (0.01, 0.1), "train.seed": range(3)},
        **more,
    )


def test_time_goes_with_size(tmp_path):
    timed = []

    def speed(shard, device):
        timed.append(shard.runs[0].model.d_model)
        return 8_000 / shard.runs[0].model.d_model

    found = forecast(experiment(), tmp_path / "none", device="cpu", timed=speed)
    assert (found.members, found.stored) == (6 * len(WIDTHS), 0)
    assert len(timed) == MOST_TIMED
    assert {4, 40} < set(timed)
    assert found.seconds == pytest.approx(sum(600 * width / 8_000 for width in WIDTHS))


def test_what_is_stored_costs_nothing_unless_a_test_elsewhere_is_missing(tmp_path):
    part = experiment().where({"model.d_model": (4, 8)})
    Store.for_writing(tmp_path).add(made_up_rows(part)[0])
    found = forecast(experiment(), tmp_path, device="cpu", timed=lambda *_: 100.0)
    assert found.stored == 12
    assert [cell.seconds > 0 for cell in found.cells] == [False, False, *[True] * 5]
    elsewhere = experiment(evaluations=(Evaluation(seq_len=50, sequences=4),))
    assert forecast(elsewhere, tmp_path, device="cpu", timed=lambda *_: 100.0).stored == 0
    nothing = forecast(part, tmp_path, device="cpu", timed=lambda *_: pytest.fail("nothing to time"))
    assert nothing.seconds == 0.0


def test_a_wide_model_without_sizes_of_its_own_is_timed_by_a_narrow_one(tmp_path):
    """Its MLP and SSM go with the width, and so do those of what stands for it."""
    wide = experiment().where({"model.d_model": (40,)})
    for given in ({}, {"d_mlp": 1_000}):
        model = HybridConfig(pattern="SSM-TF", d_model=768, n_heads=8, window=20, **given)
        one = replace(wide, base=replace(wide.base, model=model), vary={"model.window": (20,)}, slices=())
        found = forecast(one, tmp_path / "none", device="cpu")
        assert found.members == 6
        assert 0 < found.seconds < float("inf")
