"""Readings: which stored models a claim is read from, and what a choice among settings does to mean and interval."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Cell, summarise
from plait.experiments.cell import at_its_best
from plait.experiments.settings import AS_RUN, BARE, DROPPED
from plait.findings.evidence import StoredRows
from plait.findings.figure import AS_IT_WAS_RUN, AT_ITS_BEST, STEPS_KEPT, read
from plait.model import HybridConfig
from plait.paper import CATALOGUE
from plait.tasks import SelectiveCopying
from plait.training.run import Run

LUCK = np.array([-0.02, -0.01, 0.0, 0.01, 0.02, 0.0])


def cell(means, *, select=None, seeds=range(6), lrs=(1e-3, 1e-2)) -> Cell:
    accuracy = np.array([mean + LUCK[: len(seeds)] for mean in means])
    return Cell(
        run=Run(task=SelectiveCopying(), model=HybridConfig(pattern="SSM-TF", d_model=8, window=20)),
        settings={"model.pattern": "SSM-TF"},
        parameters=2_192,
        lrs=lrs,
        seeds=tuple(seeds),
        select=accuracy if select is None else np.array([[mean] * len(seeds) for mean in select]),
        accuracy=accuracy,
        diverged=np.zeros(accuracy.shape, dtype=bool),
    )


def test_each_model_takes_the_setting_that_selects_best_not_the_one_that_tests_best():
    bare, dropped = cell((0.2, 0.6)), cell((0.5, 0.9), select=(0.1, 0.3))
    both = summarise(at_its_best([bare, dropped]))
    assert both.mean == pytest.approx(0.6)
    assert both.lr == 1e-2
    dropped = cell((0.5, 0.7), select=(0.8, 0.1))
    assert summarise(at_its_best([bare, dropped])).mean == pytest.approx(0.5)
    assert at_its_best([bare]) is bare


def test_seeds_that_one_setting_lacks_are_left_out():
    both = at_its_best([cell((0.2, 0.6)), cell((0.5, 0.7), seeds=range(3))])
    assert both.seeds == (0, 1, 2)
    assert both.select.shape == (4, 3)
    assert both.lrs == (1e-3, 1e-3, 1e-2, 1e-2)


def test_the_interval_carries_the_choice_of_the_setting():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, (2, 2, 6))
    ones = [replace(cell((0.5, 0.5)), select=0.5 + n, accuracy=0.5 + n[::-1]) for n in noise]
    wide = summarise(at_its_best(ones)).interval
    narrow = summarise(at_its_best([ones[0]])).interval
    assert wide is not None
    assert narrow is not None
    assert wide != narrow


def test_rows_of_each_reading():
    experiment = CATALOGUE["fig4"].where(
        {"train.lr": (1e-3, 1e-2), "train.seed": range(2), "model.d_model": (8,)}
    )
    rows = {setting.name: made_up_rows(experiment.in_setting(setting))[0] for setting in (BARE, DROPPED)}
    some = StoredRows(rows=rows["bare"])
    assert len(read(experiment, some).cells) == 1, "the Transformer without dropout is the same in both"
    assert len(read(experiment, some, AT_ITS_BEST).cells) == 4
    assert len(read(experiment, some, AS_IT_WAS_RUN).cells) == 0
    assert [found.pattern for found in read(experiment, some, STEPS_KEPT).cells] == ["TF-TF"]
    new = rows["dropped"].filter(~pl.col("member").is_in(rows["bare"]["member"].to_list()))
    more = StoredRows(rows=pl.concat([rows["bare"], new]))
    assert {len(found.lrs) for found in read(experiment, more, AT_ITS_BEST).cells} == {4}
    as_run = made_up_rows(experiment.in_setting(AS_RUN))[0]
    assert len(read(experiment, StoredRows(rows=as_run), AS_IT_WAS_RUN).cells) == 4
