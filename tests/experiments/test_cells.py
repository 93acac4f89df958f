"""Cells: the stored members as tables, complete or not."""

import pytest
from fake_training import FakeTrainer, small_experiment

from plait.experiments import Store, cells, run_experiment

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


def test_only_seeds_with_every_stored_rate_count(tmp_path):
    rows = run_experiment(SMALL, tmp_path, train=FakeTrainer())
    gone = (rows["lr"] == 1e-2) & (rows["seed"] == 1)
    first, _ = cells(SMALL, rows.filter(~gone))
    assert first.seeds == (0, 2)
    assert first.unused == 1


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
