"""A model at its best: few seeds choose the rate of each setting, all seeds that have both rates the setting."""

import math
from dataclasses import replace

import numpy as np
import pytest
from fake_training import FakeMember, FakeResult, small_experiment
from made_up import made_up_cell

from plait.experiments import Cell, Store, chosen_part, run_choosing, summarise
from plait.experiments.bootstrap import bootstrap_means
from plait.experiments.cell import at_its_best
from plait.experiments.selection import BestMean, once, samples_of
from plait.experiments.settings import BARE, BEST, DROPPED
from plait.findings.evidence import StoredRows
from plait.findings.figure import AT_ITS_BEST, read

FEW, MANY = 2, 6
RATES = (1e-3, 1e-2)
EXPERIMENT = small_experiment(steps=1, widths=(4,), seeds=range(MANY), lrs=RATES)
SELECT = {
    (BARE.dropout, True): (0.7, 0.2),
    (BARE.dropout, False): (0.7, 0.2),
    (DROPPED.dropout, True): (0.1, 0.9),
    (DROPPED.dropout, False): (0.1, 0.5),
}
"""By dropout, and whether a seed is one of the first `FEW`: the separate sequences' accuracy at both rates."""


def misleading(run, *, seeds, lrs, device, progress, checkpoint):
    """Few seeds prefer dropout, all of them none; the tests say the opposite of the separate sequences."""
    members = []
    for lr in lrs:
        for seed in seeds:
            select = SELECT[run.model.dropout, seed < FEW][RATES.index(lr)]
            members.append(
                FakeMember(lr, seed, 1 - select, select, losses=(1.0,), loss_steps=(run.train.steps,))
            )
    return FakeResult(tuple(members))


def cell(select, *, accuracy=None, seeds=None) -> Cell:
    """Without the members whose `select[lr][seed]` is not a number."""
    table = np.asarray(select)
    told = table if accuracy is None else np.asarray(accuracy)
    made = made_up_cell(told, select=table, seeds=seeds)
    return replace(made, trained=~np.isnan(table)).settled()


def test_where_few_seeds_mislead_all_of_them_choose_the_setting(tmp_path):
    for setting in BEST:
        run_choosing(EXPERIMENT.in_setting(setting), tmp_path, seeds=FEW, train=misleading)
    rows = Store(tmp_path).read()
    found = read(EXPERIMENT, StoredRows(rows=rows), AT_ITS_BEST).cells
    assert len(found) == 2
    for one in found:
        told = summarise(one)
        assert (told.lr, told.seeds, one.complete_seeds) == (1e-3, MANY, (0, 1))
        assert told.mean == pytest.approx(0.3), "the test accuracy of what the separate sequences prefer"
        few = summarise(one.of_seeds((0, 1)))
        assert (few.lr, few.mean) == (1e-2, pytest.approx(0.1))
    for setting in BEST:
        asked = {member for part in _asked(setting, rows).members() for member in part}
        assert asked <= set(rows["member"]), "both settings' rates have every seed; nothing else is asked for"


def _asked(setting, rows):
    return chosen_part(EXPERIMENT.in_setting(setting), rows, FEW)


def test_where_a_setting_has_fewer_seeds_the_common_ones_alone_choose():
    nan = math.nan
    many = cell([[0.6, 0.6, 0.6, 0.6, 0.0, 0.0], [0.5, 0.5, nan, nan, nan, nan]])
    fewer = cell([[0.5, 0.5, 0.5, 0.5], [0.1, 0.1, nan, nan]])
    both = summarise(at_its_best((many, fewer)))
    assert (both.seeds, both.mean) == (6, pytest.approx(0.4)), "the seeds 4 and 5 of the first do not count"
    lower = cell([[0.4, 0.4, 0.4, 0.4, 0.9, 0.9], [0.1, 0.1, nan, nan, nan, nan]])
    best = at_its_best((lower, fewer))
    assert (best.seeds, best.unused) == ((0, 1, 2, 3), 2), "nor do they where they are better"
    assert summarise(best).mean == pytest.approx(0.5)


def test_each_settings_rate_is_chosen_by_its_own_seeds_that_have_every_rate():
    """Three seeds of one setting, of which one alone has every rate of the other: it would choose another rate."""
    nan = math.nan
    first = cell([[0.1, 0.9, 0.9, 0.9], [0.8, 0.2, 0.2, nan]])
    second = cell([[0.3, 0.3, 0.3, 0.3], [0.2, nan, nan, nan]])
    best = summarise(at_its_best((first, second)))
    assert (best.chosen, best.seeds, best.mean) == (0, 4, pytest.approx(0.7))


def test_with_every_seed_at_every_rate_it_is_the_best_of_all_rates():
    rng = np.random.default_rng(0)
    for _ in range(50):
        tables = np.round(rng.random((2, 3, 5)), 1)
        both = at_its_best([made_up_cell(table) for table in tables])
        taken = samples_of(rng.integers(5, size=(40, 5)))
        assert (both.rule.chosen(taken) == BestMean(both.select).chosen(taken)).all()


def test_a_sample_without_a_seed_that_both_have_takes_the_choice_of_all():
    nan = math.nan
    best = at_its_best((cell([[0.5, 0.6, 0.7, 0.8]]), cell([[0.4, nan, nan, nan]])))
    assert best.seeds == (0, 1, 2, 3)
    means = bootstrap_means(best, samples_of(np.array([[3, 3, 3, 3], [1, 2, 1, 2]])))
    assert means.tolist() == pytest.approx([0.8, 0.65])
    assert best.rule.chosen(once(4)).tolist() == [0]


def test_seeds_that_only_the_other_setting_has_choose_no_more():
    """What is left after a choice chooses the same for itself: the second setting's rate was that of four seeds."""
    nan = math.nan
    first = cell([[0.7, 0.7, nan, nan]])
    second = cell([[0.2, 0.2, 0.9, 0.9], [0.6, 0.6, 0.1, 0.1]])
    assert summarise(second).chosen == 0
    best = at_its_best((first, second))
    assert (best.seeds, summarise(best).mean) == ((0, 1), pytest.approx(0.7))
    assert best.settled().seeds == best.seeds
    twice = at_its_best((cell([[0.2, 0.8], [0.7, 0.3]], seeds=(0, 1)), cell([[0.3, 0.3]], seeds=(0, 3))))
    assert (twice.seeds, summarise(twice).mean) == ((0,), pytest.approx(0.7)), (
        "the second's two had been left"
    )


def test_a_sample_without_a_common_seed_has_the_setting_that_all_choose_whatever_its_place():
    nan = math.nan
    lower = cell([[0.4, nan, nan, nan], [0.3, nan, nan, nan]])
    best = at_its_best((lower, cell([[0.2, 0.2, 0.2, 0.9], [0.5, 0.6, 0.7, 0.8]])))
    assert best.rule.chosen(once(4)).tolist() == [3]
    assert bootstrap_means(best, samples_of(np.array([[3, 3, 3, 3]]))).tolist() == pytest.approx([0.8])


def test_a_run_that_diverged_counts_as_0_in_the_choice_of_a_setting():
    diverged = made_up_cell(np.array([[0.9, 0.9, math.nan]]))
    best = at_its_best((diverged, made_up_cell(np.array([[0.7, 0.7, 0.7]]))))
    assert summarise(best).mean == pytest.approx(0.7)
