"""The ceiling by cuts where it is not decided yet what will be asked, against the best models and against all rows."""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from test_average import rows_with_chances

from plait.tasks import SelectiveCopying
from plait.theory import accuracy_ceiling, best_accuracy
from plait.theory.average.copying import (
    before_number_shares,
    before_number_weights,
    copying_scored,
    older_number_weights,
    undecided_right,
)
from plait.theory.average.optimum import reached
from plait.theory.average.rows import sampled_rows
from plait.theory.average.tails import guessed

SMALL = [
    (SelectiveCopying(n_words=2, numbers=(1,), p_number=0.4), 6),
    (SelectiveCopying(n_words=2, numbers=(2,)), 6),
    (SelectiveCopying(n_words=2, numbers=(1, 2), p_number=0.5), 5),
    (SelectiveCopying(n_words=3, numbers=(2,), p_number=0.6), 5),
    (SelectiveCopying(n_words=1, numbers=(1, 3), p_number=0.5), 6),
]


@pytest.mark.parametrize(("task", "seq_len"), SMALL, ids=repr)
def test_the_best_model_of_two_states_is_below(task, seq_len):
    (most,) = undecided_right(task, seq_len, np.array([2.0])) / copying_scored(task, seq_len)
    assert best_accuracy(task, seq_len, 2) <= most + 1e-9


@pytest.mark.parametrize("states", [1, 3, 4, 6, 9, 16])
@pytest.mark.parametrize(
    ("task", "seq_len"), [*SMALL, (SelectiveCopying(n_words=4, numbers=(1, 3), p_number=0.3), 6)], ids=repr
)
def test_no_model_that_is_found_is_above(task, seq_len, states):
    (most,) = undecided_right(task, seq_len, np.array([float(states)]))
    assert reached(sampled_rows(task, seq_len), states, tries=4) <= most + 1e-9


@pytest.mark.parametrize("numbers", [(1,), (3,), (1, 4), (2, 3)])
@pytest.mark.parametrize("p_number", [0.2, 0.7])
def test_each_answer_is_counted_once(numbers, p_number):
    """With so many states that everything can be right, all scored positions are."""
    task = SelectiveCopying(n_words=3, numbers=numbers, p_number=p_number)
    for seq_len in (3, 7, 20, 60):
        (most,) = undecided_right(task, seq_len, np.array([2.0**200]))
        assert most == pytest.approx(copying_scored(task, seq_len), rel=2e-4)


def test_weights_are_those_of_all_rows():
    """The chance of each answer by where its number stands, read off every row, times the shares of the cut."""
    task, seq_len = SelectiveCopying(n_words=2, numbers=(1, 3), p_number=0.3), 6
    rows, chances = rows_with_chances(task, seq_len)
    scored = task.targets(torch.tensor(rows)).scored.numpy()
    shares = before_number_shares(task.numbers, task.p_number)
    before, older = np.zeros((seq_len, 4)), np.zeros((2, seq_len, 4))
    for row, chance, asked in zip(rows.tolist(), chances, scored, strict=True):
        for t in np.flatnonzero(asked):
            read = max(u for u in range(t + 1) if row[u] >= task.n_words)
            index = row[read] - task.n_words
            n = task.numbers[index]
            for k in range(1, n + 1):
                if t - read < n:
                    before[t - n + k, k] += chance * shares[index, t - read, k - 1]
                else:
                    weights = older_number_weights(task, 100, 50, n)
                    unread = (1 - task.p_number) ** (n - k + 1)
                    older[index, t - n + k, k] += chance * weights[k - 1] / unread
    for cut in range(1, seq_len):
        weights = before_number_weights(task, seq_len, cut, shares)
        assert before[cut, 1 : len(weights) + 1] == pytest.approx(np.array(weights))
        for index, n in enumerate(task.numbers):
            weights = older_number_weights(task, seq_len, cut, n)
            for k, weight in enumerate(weights, start=1):
                latest = sum(
                    task.p_number / 2 * (1 - task.p_number) ** (place - 1) for place in range(k, cut + 1)
                )
                assert older[index, cut, k] == pytest.approx(weight * latest)


def test_it_is_the_tighter_one_at_the_paper_s_size():
    ceilings = accuracy_ceiling(SelectiveCopying(), 100, [10, 20, 40])
    assert ceilings == pytest.approx([0.460, 0.700, 0.969], abs=1e-3)


def test_numbers_beyond_its_places_are_left_to_the_other_ceiling():
    assert np.isinf(undecided_right(SelectiveCopying(numbers=(2, 12)), 30, np.array([4.0]))).all()


@pytest.mark.parametrize(
    ("letters", "weights"), [(3, (1.0, 1.0)), (3, (1.0, 0.4)), (2, (1.0, 1.0, 1.0)), (2, (3.0, 2.0, 2.0))]
)
def test_given_all_tokens_at_once_the_best_strings_earn_nearly_as_much(letters, weights):
    """Every set of so many strings is tried: at least 1 - 1/e of what one cut allows is reached, and never more."""
    strings = np.array(list(product(range(letters), repeat=len(weights))))
    scores = (strings[:, None] == strings[None]) @ np.array(weights)
    for states in range(1, 5):
        heights, sums = guessed(weights, (1 / letters, 0.0), (letters, 1), (float(states),))
        most = float(np.minimum(1, sums[0]) @ heights)
        best = max(scores[list(chosen)].max(0).mean() for chosen in combinations(range(len(strings)), states))
        assert (1 - np.exp(-1)) * most <= best <= most + 1e-9
