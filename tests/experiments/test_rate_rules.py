"""Our rule for a learning rate where rates have different seeds; the released program's, and its score."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import made_up_cell
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


nan = math.nan


def chosen(select, samples=None):
    """By `BestMean`, where what is not a number was not trained."""
    table = np.asarray(select)
    taken = once(table.shape[1]) if samples is None else samples_of(np.array(samples))
    return BestMean(table, ~np.isnan(table)).chosen(taken).tolist()


def test_two_rates_are_compared_by_every_seed_that_both_have():
    """One seed has the fourth rate and alone prefers the first; the three that the others share prefer the second."""
    others = [[0.9, 0.2, 0.2], [0.8, 0.7, 0.6], [0.7, 0.1, 0.1]]
    assert chosen([*others, [0.1, nan, nan]]) == [1]
    assert chosen([*others, [0.81, nan, nan]]) == [1], (
        "the first rate is better than the fourth: a ring without it"
    )
    assert chosen([*others, [0.91, nan, nan]]) == [3], "better than each on the one seed that it has"


def test_where_rates_beat_one_another_in_a_ring_those_of_the_fewest_seeds_are_left_out():
    select = [[0.5, 0.1, 0.1, 0.1], [0.4, 0.3, nan, nan], [0.45, nan, nan, nan]]
    assert chosen(select) == [1], (
        "the second beats the first by two seeds, the third the second and the first it by one"
    )
    assert chosen([row[:1] for row in select]) == [0]
    level = [[0.5, 0.5, 0.1, nan], [0.4, 0.5, nan, 0.9], [0.3, nan, 0.9, 0.1]]
    assert chosen(level) == [0], "by the one seed that has all three"


def test_of_equal_rates_it_is_that_of_the_most_seeds_and_of_these_the_smallest():
    assert chosen([[0.5, nan], [0.5, 0.5], [0.5, 0.5]]) == [1]
    assert chosen([[0.5, 0.5], [0.5, 0.5]]) == [0]


def test_a_sample_without_a_seed_that_two_rates_share_has_the_comparison_of_all():
    select = [[0.5, 0.5, 0.5], [0.4, 0.4, nan], [0.9, nan, nan]]
    assert chosen(select, [[0, 1, 2], [1, 2, 1]]) == [2, 2]
    better = [[0.5] * 6, [0.6] * 6, [0.55, nan, nan, nan, nan, nan]]
    assert chosen(better, [[1, 2, 3, 4, 5, 1]]) == [1]


def random_table(rng, n_rates, n_seeds):
    """Where not a number, not trained; the first seed has every rate."""
    select = np.round(rng.random((n_rates, n_seeds)), 1)
    select[rng.random(select.shape) < 0.4] = nan
    select[:, 0] = np.round(rng.random(n_rates), 1)
    return select


@given(st.integers(0, 2**32 - 1))
def test_a_sample_is_told_at_no_rate_of_which_it_has_no_seed(number):
    rng = np.random.default_rng(number)
    select = random_table(rng, 4, 5)
    cell = replace(made_up_cell(np.nan_to_num(select), select=select), trained=~np.isnan(select)).settled()
    samples = samples_of(rng.integers(len(cell.seeds), size=(30, len(cell.seeds))))
    rates = cell.rule.chosen(samples)
    assert ((samples.weights * cell.was_trained[rates]).sum(axis=-1) > 0).all()


@given(st.integers(0, 2**32 - 1))
def test_what_is_settled_keeps_its_rate_and_every_seed_at_it(number):
    """But for rings, of which a cut may leave less."""
    rng = np.random.default_rng(number)
    select = random_table(rng, 4, 6)
    trained = ~np.isnan(select)
    beaten = [
        all(
            np.round((select[i] - select[j])[trained[i] & trained[j]].mean(), 12) > 0
            for j in range(4)
            if j != i
        )
        for i in range(4)
    ]
    if any(beaten):
        best = beaten.index(True)
        cell = replace(made_up_cell(np.nan_to_num(select), select=select), trained=trained).settled()
        assert summarise(cell).chosen == best
        assert cell.seeds == tuple(np.flatnonzero(trained[best]).tolist())


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
    means = (few_of / few_of.sum(axis=1, keepdims=True)) @ select[:, :few].T
    order = np.argsort(-trained.sum(axis=1), kind="stable")
    expected = order[choose_mean(means[:, order])]
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
