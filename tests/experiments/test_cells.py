"""Cells: the stored members as tables, complete or not."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from fake_training import FakeTrainer, small_experiment
from made_up import made_up_cell

from plait.experiments import Store, cells, paired_difference, run_experiment, summarise
from plait.experiments.bootstrap import Interval
from plait.experiments.cell import at_its_best

SMALL = small_experiment(steps=2, widths=(4,), seeds=range(3), lrs=(1e-3, 1e-2))


def test_the_tables_hold_the_stored_numbers(tmp_path):
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    first, second = cells(SMALL, rows)
    assert [cell.settings["model.pattern"] for cell in (first, second)] == ["SSM-TF", "TF-TF"]
    assert (first.pattern, first.lrs, first.seeds, first.unused) == ("SSM-TF", (1e-3, 1e-2), (0, 1, 2), 0)
    for i, lr in enumerate(first.lrs):
        for j, seed in enumerate(first.seeds):
            row = rows.filter(pattern="SSM-TF", lr=lr, seed=seed).row(0, named=True)
            assert first.accuracy[i, j] == row["accuracy"]
            assert first.select[i, j] == row["select_accuracy"]
            assert not first.diverged[i, j]


def test_a_seed_that_lacks_the_chosen_rate_does_not_count(tmp_path):
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    chosen = summarise(cells(SMALL, rows)[0]).lr
    gone = (rows["lr"] == chosen) & (rows["seed"] == 1)
    first, _ = cells(SMALL, rows.filter(~gone))
    assert (first.seeds, first.unused, first.trained) == ((0, 2), 1, None)


def test_a_seed_that_lacks_another_rate_counts_at_the_chosen_one(tmp_path):
    """It chooses no rate, and what is told of the other rates is of the seeds that have them."""
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    whole = cells(SMALL, rows)[0]
    chosen = summarise(whole).chosen
    other = 1 - chosen
    gone = (rows["lr"] == whole.lrs[other]) & (rows["seed"] == 1)
    best = (rows["lr"] == whole.lrs[chosen]) & (rows["seed"] == 1)
    misleading = pl.when(best).then(-9.0).otherwise(rows["select_accuracy"])
    (first, *_) = cells(SMALL, rows.with_columns(select_accuracy=misleading).filter(~gone))
    assert (first.seeds, first.unused, first.complete_seeds) == ((0, 1, 2), 0, (0, 2))
    found = summarise(first)
    assert (found.chosen, found.seeds) == (chosen, 3)
    assert found.mean == pytest.approx(whole.accuracy[chosen].mean())
    assert first.means[other] == pytest.approx(whole.accuracy[other][[0, 2]].mean())
    alone = first.of_seeds((1,))
    assert (alone.lrs, alone.accuracy.item()) == ((whole.lrs[chosen],), whole.accuracy[chosen][1])


def test_seeds_that_would_choose_a_rate_at_which_others_were_not_trained_choose_among_those_of_all():
    """The seed 3 alone has every rate, and would choose the one that 4 and 5 lack: their accuracy there is unknown."""
    nan = math.nan
    cell = made_up_cell([[0.5, 0.5, 0.5, 0.9, nan, nan], [0.8] * 6])
    cell = replace(cell, trained=~np.isnan(cell.accuracy)).settled()
    assert (summarise(cell).chosen, cell.complete_seeds) == (1, (0, 1, 2, 3))
    some = cell.of_seeds((3, 4, 5))
    found = summarise(some)
    assert (some.seeds, some.lrs, found.mean) == ((3, 4, 5), (cell.lrs[1],), pytest.approx(0.8))
    beside = made_up_cell([[0.7] * 3], seeds=(3, 4, 5))
    difference = paired_difference(cell, beside)
    assert (difference.seeds, difference.mean) == (3, pytest.approx(0.1))
    assert difference.interval == Interval(low=pytest.approx(0.1), high=pytest.approx(0.1))
    assert cell.of_seeds((2, 4)).lrs == cell.lrs, "what they choose was trained with both"


def test_two_settings_are_chosen_between_by_the_seeds_of_both_and_told_of_all():
    few, many = made_up_cell([[0.5, 0.7]]), made_up_cell([[0.6, 0.7, 0.1]])
    both = at_its_best((few, many))
    assert (summarise(both).chosen, both.seeds, both.complete_seeds) == (1, (0, 1, 2), (0, 1))
    assert summarise(both).mean == pytest.approx(1.4 / 3)
    few_first = at_its_best((made_up_cell([[0.9, 0.7]]), many))
    assert (few_first.seeds, few_first.unused) == ((0, 1), 1)


def test_rates_with_nothing_stored_are_not_waited_for(tmp_path):
    run_experiment(SMALL.where({"train.lr": (1e-2,)}), tmp_path, train=FakeTrainer())
    first, _ = cells(SMALL, Store(tmp_path).read())
    assert (first.lrs, first.seeds, first.unused) == ((1e-2,), (0, 1, 2), 0)


def test_a_cell_with_nothing_stored_is_left_away(tmp_path):
    run_experiment(SMALL.where({"model.pattern": ("TF-TF",)}), tmp_path, train=FakeTrainer())
    assert [cell.pattern for cell in cells(SMALL, Store(tmp_path).read())] == ["TF-TF"]


def test_members_of_another_protocol_are_not_mixed_in(tmp_path):
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    assert cells(small_experiment(steps=3, widths=(4,)), rows) == ()


@pytest.mark.parametrize("member", [0, 5])
def test_a_diverged_member_is_marked(tmp_path, member):
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    changed = rows.with_row_index().with_columns(
        diverged_at=(rows["member"].is_in([rows["member"][member]])).replace_strict({True: 7, False: None})
    )
    assert sum(int(cell.diverged.sum()) for cell in cells(SMALL, changed)) == 1
