"""Models of selective copying that keep a part: what is said of each, against the same model run on every row."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from test_optimum import rows_with_chances

from plait.tasks import SelectiveCopying
from plait.theory import accuracy_ceiling, accuracy_floor, scored_positions
from plait.theory.average.kept import unnumbered_right
from plait.theory.average.schedule import schedules


@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("slots", [0, 1])
@pytest.mark.parametrize("numbers", [(1, 2), (1, 3), (2, 3)])
def test_without_the_number_a_model_is_right_at_so_much(numbers, slots, words):
    """One token in full of every m or none, the latest of some words; each answer is the best of these and a guess."""
    task, seq_len, period = SelectiveCopying(n_words=3, numbers=numbers, p_number=0.4), 5, max(numbers)
    rows, chances = rows_with_chances(task, seq_len)
    right = 0.0
    for place in range(seq_len):
        held = [n for n in numbers if slots and n <= place and (place - n) % period == 0]
        by_kind = {}
        for row, chance in zip(rows, chances, strict=True):
            answer = list(task.answers(row))[place]
            if answer is None:
                continue
            kind = row[place] if row[place] >= task.n_words else None
            latest = next((token for token in reversed(row[:place]) if token < words), 0)
            worth = by_kind.setdefault(kind, np.zeros(5 + 2))
            worth[answer] += chance
            worth[-2] += chance * (answer == latest)
            worth[-1] += chance * bool(held and answer == row[place - held[0]])
        for kind, worth in by_kind.items():
            told = kind is not None and held == [numbers[kind - task.n_words]]
            right += worth[-1] if told else worth[:-1].max() if kind is not None else worth.max()
    assert unnumbered_right(task, seq_len, slots, words) == pytest.approx(right)
    (floor,) = accuracy_floor(task, seq_len, [math.log2(5**slots * words)])
    assert floor >= right / scored_positions(task, seq_len) - 1e-8


@pytest.mark.parametrize(("words", "numbers"), [(2, (1, 3)), (1, (2, 3)), (2, (2, 1))])
def test_a_schedule_is_right_at_so_much_with_so_many_states(words, numbers):
    task, seq_len = SelectiveCopying(n_words=words, numbers=numbers, p_number=0.3), 6
    rows, chances = rows_with_chances(task, seq_len)
    found = schedules(task, seq_len)
    for schedule in found[:: max(1, len(found) // 6)]:
        right, states = 0.0, set()
        for row, chance in zip(rows, chances, strict=True):
            latest, kept, read = 0, {}, False
            for place, answer in enumerate(task.answers(row)):
                if row[place] >= task.n_words:
                    latest, read = row[place] - task.n_words, True
                asked = numbers[latest]
                if read and asked in kept:
                    assert kept[asked] == answer
                    right += chance
                ages = {
                    1: row[place],
                    **{age + 1: token for age, token in kept.items() if age < max(numbers)},
                }
                within = sum(1 << age - 1 for age in ages)
                still = int(schedule.kept[latest, within])
                assert still & ~within == 0
                kept = {age: token for age, token in ages.items() if still >> age - 1 & 1}
                states.add((latest, *sorted(kept.items())))
        assert right == pytest.approx(schedule.right)
        assert len(states) <= schedule.states
    best = max(found, key=lambda one: one.right)
    (floor,) = accuracy_floor(task, seq_len, [math.log2(best.states) + 1e-9])
    assert floor >= best.right / scored_positions(task, seq_len) - 1e-8


def test_schedules_are_the_better_models_near_the_top():
    floors = accuracy_floor(SelectiveCopying(), 100, [40, 44])
    assert floors == pytest.approx([0.845, 0.937], abs=1e-3)


def test_no_schedules_where_there_is_nothing_to_choose():
    assert schedules(SelectiveCopying(numbers=(4,)), 20) == ()
    assert schedules(SelectiveCopying(numbers=(2, 30)), 20) == ()
    assert schedules(SelectiveCopying(numbers=(2, 30)), 100) == ()


@pytest.mark.parametrize(("words", "number"), [(3, 2), (2, 3), (1, 4)])
def test_one_number_and_all_tokens_but_one_is_exact(words, number):
    """Theorem 13.10: as rows grow, ceiling and floor meet at the value that it states."""
    letters = words + 1
    task = SelectiveCopying(n_words=words, numbers=(number,), p_number=1 / letters)
    for values in range(1, letters):
        bits = [math.log2(values * letters ** (number - 1)) + 1e-12]
        exact = (number - 1 + values / letters) / number
        gaps = []
        for seq_len in (200, 800):
            (low,), (high,) = accuracy_floor(task, seq_len, bits), accuracy_ceiling(task, seq_len, bits)
            assert low <= high
            assert low == pytest.approx(exact, abs=3 / seq_len)
            gaps.append(high - low)
        assert gaps[1] < gaps[0] / 2


@pytest.mark.parametrize(("letters", "places", "covering"), [(2, 2, 2), (2, 3, 2), (2, 4, 4), (3, 2, 3)])
def test_one_cut_earns_all_but_one_from_the_covering_number_on(letters, places, covering):
    """Theorem 13.11: every set of so many strings is tried, and the bound is met just from K(n, 1) on."""
    strings = np.array(list(product(range(letters), repeat=places)))
    agree = (strings[:, None] == strings[None]).sum(2)
    for states in range(1, covering + 2):
        best = max(agree[list(chosen)].max(0).mean() for chosen in combinations(range(len(strings)), states))
        bound = places - 1 + states / len(strings)
        assert best <= bound + 1e-9
        assert (best > bound - 1e-9) == (states >= covering)


@pytest.mark.parametrize(("letters", "places"), [(2, 2), (2, 3), (3, 2)])
def test_guesses_that_stay_cost_as_much_as_tokens_kept_in_full(letters, places):
    """Theorem 13.12: all guesses at each token by it and those before, or many; their strings are the states."""
    draws = np.random.default_rng(0)
    rows = np.array(list(product(range(letters), repeat=places)))
    prefixes = [np.unique(rows[:, : place + 1], axis=0, return_inverse=True)[1] for place in range(places)]
    sizes = [letters ** (place + 1) for place in range(places)]
    every = letters ** sum(sizes) < 1_000
    tables = (
        product(range(letters), repeat=sum(sizes))
        if every
        else draws.integers(0, letters, (20_000, sum(sizes)))
    )
    in_full = [  # one token kept in full, the others guessed
        [token % letters * (place == kept) for place, size in enumerate(sizes) for token in range(size)]
        for kept in range(places)
    ]
    reached = []
    for table in [*tables, *in_full]:
        parts = np.split(np.array(table), np.cumsum(sizes)[:-1])
        guesses = np.stack([part[prefix] for part, prefix in zip(parts, prefixes, strict=True)], axis=1)
        states = len(np.unique(guesses, axis=0))
        line = 1 / letters + (1 - 1 / letters) * math.log(states) / (places * math.log(letters))
        assert (guesses == rows).mean() <= line + 1e-9
        reached.append((guesses == rows).mean() > line - 1e-9 and states == letters)
    assert any(reached)
