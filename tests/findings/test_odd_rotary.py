"""Odd rotary dimensions both ways: what was put into made-up rows, for the models that have them alone."""

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment
from plait.experiments.settings import AS_RUN, DROPPED
from plait.findings.evidence import StoredRows
from plait.findings.odd_rotary import odd_rotary
from plait.model import HybridConfig
from plait.tasks import SelectiveCopying
from plait.training.run import Run, Train

EXPERIMENT = Experiment(
    name="made",
    question="?",
    base=Run(
        task=SelectiveCopying(),
        model=HybridConfig(d_model=8, window=20, init="paper"),
        train=Train(steps=1_000),
    ),
    vary={"model.pattern": ("TF-TF", "SSM-SSM", "SSM-TF"), "model.d_model": (8, 12, 20)},
    sweep={"train.lr": (1e-3, 1e-2), "train.seed": range(13)},
)
RELEASED = pl.col("config_json").str.contains('"rotary_odd":"released"')


def stored() -> StoredRows:
    """As the program turns them .3, in pairs .5; the early losses of the rate with less would choose it."""
    frames = [made_up_rows(EXPERIMENT.in_setting(setting))[0] for setting in (AS_RUN, DROPPED)]
    rows = pl.concat(frames).unique("member", maintain_order=True)
    best = pl.col("lr") == 1e-2
    accuracy = pl.when(RELEASED).then(0.3).otherwise(0.5) - pl.when(best).then(0.0).otherwise(0.1)
    return StoredRows(
        rows=rows.with_columns(
            accuracy=accuracy,
            select_accuracy=accuracy,
            losses=pl.when(best).then(pl.lit([2.0])).otherwise(pl.lit([1.0])),
            loss_steps=pl.lit([1_000]),
        )
    )


def test_models_with_odd_dimensions_are_told_both_ways():
    found = odd_rotary(EXPERIMENT, stored())
    told = [(one.released.pattern, one.released.run.model.d_model, one.turning) for one in found]
    assert told == [("TF-TF", 12, 3), ("TF-TF", 20, 5), ("SSM-TF", 12, 3), ("SSM-TF", 20, 5)]
    for one in found:
        assert one.difference.mean == pytest.approx(-0.2)
        assert one.difference.seeds == 11
        assert one.paired.run.model.rotary_odd == "paired"


def test_a_way_that_is_not_trained_gives_nothing():
    rows = stored().rows
    assert odd_rotary(EXPERIMENT, StoredRows(rows=rows.filter(RELEASED))) == ()
    assert odd_rotary(EXPERIMENT, StoredRows(rows=rows.filter(~RELEASED))) == ()
