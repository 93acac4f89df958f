"""Our rule for a learning rate where rates have different seeds; the released program's, and its score."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_rows import made_up_rows

from plait.experiments import cells, paired_difference, summarise
from plait.experiments.selection import BestMean, LeastEarlyLoss, choose_mean, once, samples_of
from plait.experiments.settings import AS_RUN
from plait.paper import CATALOGUE

SLICE = {"model.pattern": ("SSM-TF",), "model.d_model": (8,), "train.lr": (1e-3, 1e-2, 1e-1)}
EXPERIMENT = CATALOGUE["fig4"].where(SLICE).in_setting(AS_RUN)


def rows_with(losses: dict[float, list[float]]) -> pl.DataFrame:
    """Made-up rows whose curves have 20 points; `losses` are those of the first five, by rate, the rest 0."""
    rows, _ = made_up_rows(EXPERIMENT)
    steps = [list(range(200, 4_001, 200))] * len(rows)
    curves = [losses[lr] + [0.0] * 15 for lr in rows["lr"]]
    return rows.with_columns(loss_steps=pl.Series(steps), losses=pl.Series(curves))


def test_the_rate_of_the_least_loss_over_the_first_thousand_steps():
    """Not the best accuracy (at .01), nor the least loss later on."""
    flat = {1e-3: [1.0] * 5, 1e-2: [2.0] * 5, 1e-1: [0.5, 0.5, 0.5, 0.5, 0.5]}
    (cell,) = cells(EXPERIMENT, rows_with(flat))
    assert summarise(cell).lr == 1e-1
    assert cell.early == pytest.approx(np.array([[1.0], [2.0], [0.5]]).repeat(11, axis=1))
    assert summarise(replace(cell, by="select")).lr == 1e-2


def test_a_thousand_steps_and_no_more():
    late = {1e-3: [1.0] * 5, 1e-2: [2.0, 2.0, 2.0, 2.0, 0.0], 1e-1: [9.0] * 5}
    rows = rows_with(late)
    (cell,) = cells(EXPERIMENT, rows)
    assert cell.early[1] == pytest.approx(np.full(11, 1.6))
    longer = rows.with_columns(loss_steps=pl.Series([list(range(500, 10_001, 500))] * len(rows)))
    (cell,) = cells(EXPERIMENT, longer)
    assert cell.early[1] == pytest.approx(np.full(11, 2.0))


def test_two_single_runs_decide_however_many_seeds_there_are():
    early = np.array([[3.0, 2.0, 0.1], [2.5, 2.5, 0.0]])
    assert LeastEarlyLoss(early).chosen(once(3)).tolist() == [0]
    samples = samples_of(np.array([[2, 0, 1], [0, 0, 2], [1, 2, 0]]))
    assert LeastEarlyLoss(early).chosen(samples).tolist() == [1, 1, 1]
    assert LeastEarlyLoss(early[:, [1, 0]]).chosen(once(2)).tolist() == [0]


def test_two_runs_at_every_rate_choose_and_all_runs_at_the_chosen_rate_are_told():
    """As the program did: nine rates with two runs each, then eleven at the one that they choose."""
    early = np.array([[0.1, 3.0, 9.0, 2.0], [0.0, 2.5, 2.6, 9.0]])
    rule = LeastEarlyLoss(early, np.array([False, True, True, False]))
    samples = samples_of(np.array([[0, 1, 2, 3], [2, 2, 2, 2], [3, 1, 3, 0], [0, 3, 0, 3]]))
    assert rule.chosen(samples).tolist() == [1, 1, 1, 1]
    rule = LeastEarlyLoss(early[:, ::-1], np.array([True, True, False, False]))
    assert rule.chosen(samples_of(np.array([[0, 2, 2, 2], [1, 2, 2, 2]]))).tolist() == [0, 1]
    assert rule.chosen(samples_of(np.array([[2, 3, 2, 3]]))).tolist() == rule.chosen(once(4)).tolist() == [0]


def test_runs_at_the_chosen_rate_alone_are_told():
    flat = {1e-3: [0.1] * 5, 1e-2: [2.0] * 5, 1e-1: [0.5] * 5}
    rows = rows_with(flat)
    whole = cells(EXPERIMENT, rows)[0].accuracy[0].mean()
    (cell,) = cells(EXPERIMENT, rows.filter((pl.col("seed") < 2) | (pl.col("lr") == 1e-3)))
    found = summarise(cell)
    assert (found.lr, found.seeds, cell.complete_seeds, cell.unused) == (1e-3, 11, (0, 1), 0)
    assert found.mean == pytest.approx(whole)
    assert found.interval is not None
    assert found.interval.low < found.mean < found.interval.high


def test_two_rates_are_compared_by_every_seed_that_both_have():
    """One seed has the fourth rate and alone prefers the first; the three that the others share prefer the second."""
    select = np.array([[0.9, 0.2, 0.2], [0.8, 0.7, 0.6], [0.7, 0.1, 0.1], [0.1, math.nan, math.nan]])
    trained = ~np.isnan(select)
    assert BestMean(select, trained).chosen(once(3)).tolist() == [1]
    assert BestMean(select[:, :1], trained[:, :1]).chosen(once(1)).tolist() == [0]
    better = np.array([[0.9, 0.2, 0.2], [0.8, 0.7, 0.6], [0.7, 0.1, 0.1], [0.81, math.nan, math.nan]])
    samples = samples_of(np.array([[0, 1, 2], [0, 0, 0], [1, 2, 1]]))
    chosen = BestMean(better, trained).chosen(samples)
    assert chosen.tolist() == [3, 0, 3], "of a sample without the one seed it is the choice of that seed"
    level = np.array([[0.5, math.nan], [0.5, 0.5], [0.5, 0.5]])
    assert BestMean(level, ~np.isnan(level)).chosen(once(2)).tolist() == [0], "of equal rates the smallest"


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_seeds_of_nested_rates_choose_as_the_fewest_do(number, n_rates):
    """Every rate with a few seeds, one with all of them: what the few choose is the best mean over them."""
    rng = np.random.default_rng(number)
    select = np.round(rng.random((n_rates, 6)), 1)
    trained = np.zeros(select.shape, dtype=bool)
    few = int(rng.integers(1, 7))
    trained[:, :few] = True
    trained[rng.integers(n_rates)] = True
    samples = samples_of(rng.integers(6, size=(20, 6)))
    few_of = samples.weights[:, :few]
    none = few_of.sum(axis=1, keepdims=True) == 0
    few_of = np.where(none, 1.0, few_of)
    expected = choose_mean((few_of / few_of.sum(axis=1, keepdims=True)) @ select[:, :few].T)
    assert (BestMean(select, trained).chosen(samples) == expected).all()


RATES = tuple(CATALOGUE["fig4"].sweep["train.lr"])
Curves = dict[tuple[float, int], list[float | None]]
"""By rate and seed, twenty points of 200 steps."""


def rate_of_the_rule(curves: Curves) -> float:
    """As the released program has it: of two single runs at each rate the one with the least mean over 1,000 steps."""
    best, chosen = math.inf, RATES[0]
    for lr in RATES:
        for seed in range(2):
            first = curves[lr, seed][:5]
            if None in first or any(math.isnan(loss) for loss in first if loss is not None):
                continue
            mean = sum(loss for loss in first if loss is not None) / 5
            if mean < best:  # of equal ones the first, which has the smaller rate
                best, chosen = mean, lr
    return chosen


@pytest.mark.parametrize("case", range(40))
def test_the_rule_of_nine_rates_and_two_runs_word_by_word(case):
    """With ties (losses are of a few values), missing points and losses that are no numbers, and other seeds beside."""
    drawn = np.random.default_rng(case)
    values = [0.5, 1.0, 1.5, 2.0, math.nan, None] if case % 2 else [0.25, 0.5, 0.75, 1.0]
    shares = [0.31, 0.31, 0.31, 0.03, 0.02, 0.02] if case % 2 else None
    curves: Curves = {
        (lr, seed): [values[at] for at in drawn.choice(len(values), size=20, p=shares)]
        for lr in RATES
        for seed in range(4)
    }
    experiment = CATALOGUE["fig4"].where(
        {"model.pattern": ("SSM-TF",), "model.d_model": (8,), "train.seed": range(4)}
    )
    rows, _ = made_up_rows(experiment.in_setting(AS_RUN))
    assert len(rows) == len(RATES) * 4 == 36
    rows = rows.with_columns(
        loss_steps=pl.Series([list(range(200, 4_001, 200))] * len(rows)),
        losses=pl.Series(
            [curves[key] for key in rows.select("lr", "seed").iter_rows()], dtype=pl.List(pl.Float64())
        ),
    )
    (cell,) = cells(experiment.in_setting(AS_RUN), rows)
    assert summarise(cell, samples=2).lr == rate_of_the_rule(curves)


def test_the_rule_that_the_test_above_reads_is_the_rule():
    """The least single run, not the least mean of two, and the smaller rate of two that tie."""
    flat: Curves = {(lr, seed): [2.0] * 20 for lr in RATES for seed in range(2)}
    assert rate_of_the_rule(flat) == RATES[0]
    assert rate_of_the_rule({**flat, (RATES[7], 1): [1.0] * 5 + [9.0] * 15}) == RATES[7]
    assert rate_of_the_rule({**flat, (RATES[7], 1): [0.0] * 4 + [None] + [0.0] * 15}) == RATES[0]
    assert rate_of_the_rule({**flat, (RATES[3], 0): [1.0] * 20, (RATES[5], 1): [1.0] * 20}) == RATES[3]


def test_a_loss_that_is_no_number_is_never_least():
    assert LeastEarlyLoss(np.array([[math.nan, math.nan], [9.0, 9.0]])).chosen(once(2)).tolist() == [1]


def test_differences_are_paired_at_the_rates_that_the_rule_chooses():
    flat = {1e-3: [0.1] * 5, 1e-2: [2.0] * 5, 1e-1: [0.5] * 5}
    (cell,) = cells(EXPERIMENT, rows_with(flat))
    found = paired_difference(cell, replace(cell, by="select"))
    assert found.mean == pytest.approx(cell.accuracy[0].mean() - cell.accuracy[1].mean())


def test_rows_without_curves_are_refused_in_one_line():
    rows, _ = made_up_rows(EXPERIMENT)
    empty = pl.Series([[]] * len(rows), dtype=pl.List(pl.Float64()))
    (cell,) = cells(EXPERIMENT, rows.with_columns(losses=empty, loss_steps=empty.cast(pl.List(pl.Int64()))))
    with pytest.raises(ValueError, match="the rule of early losses needs loss curves, and SSM-TF of width 8"):
        summarise(cell)


def test_the_score_on_eight_sequences_stands_beside():
    rows, _ = made_up_rows(EXPERIMENT)
    (cell,) = cells(EXPERIMENT, rows.with_columns(eight_accuracy=pl.lit(0.75)))
    assert (cell.eight == 0.75).all()
    (cell,) = cells(EXPERIMENT, rows)
    assert np.isnan(cell.eight).all()
