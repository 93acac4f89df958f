"""The best accuracy of S states: every model at small sizes, models that climb, and ceilings above them."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import accuracy_ceiling, accuracy_floor, best_accuracy, scored_positions
from plait.theory.average.optimum import reached
from plait.theory.average.rows import sampled_rows


def rows_with_chances(task, seq_len):
    """Every row and its probability, by the definition of the sampler."""
    if isinstance(task, Needle):
        a, b, half = task.n_words, task.n_words + 1, seq_len // 2
        words = list(product(range(task.n_words), repeat=seq_len - 2))
        rows = [(*row[:place], a, *row[place:], b) for place in range(half) for row in words]
        return rows, np.full(len(rows), 1 / len(rows))
    weights = dict.fromkeys(range(task.ordinary_tokens), 1.0)
    if isinstance(task, SelectiveCopying):
        weights = {
            v: (1 - task.p_number) / task.n_words if v < task.n_words else task.p_number / len(task.numbers)
            for v in weights
        }
    total = sum(weights.values())
    rows = list(product(weights, repeat=seq_len))
    return rows, np.array([math.prod(weights[v] / total for v in row) for row in rows])


def best_of_all(task, seq_len, states):
    """Every update at every place is tried; the last token needs none."""
    rows, chances = rows_with_chances(task, seq_len)
    answers = np.array([[-1 if a is None else a for a in task.answers(row)] for row in rows])
    rows, tokens = np.array(rows), task.ordinary_tokens

    def right(place, state):
        mass = np.zeros((states * tokens, tokens))
        scored = answers[:, place] >= 0
        cell = state * tokens + rows[:, place]
        np.add.at(mass, (cell[scored], answers[scored, place]), chances[scored])
        now = mass.max(1).sum()
        if place == seq_len - 1:
            return now
        used = sorted(set(cell.tolist()))
        best = 0.0
        for update in product(range(states), repeat=len(used) - 1):
            table = np.zeros(states * tokens, dtype=int)
            table[used] = (0, *update)
            best = max(best, right(place + 1, table[cell]))
        return now + best

    return right(0, np.zeros(len(rows), dtype=int)) / (chances @ (answers >= 0).sum(1))


SMALL = [
    (SelectiveCopying(n_words=2, numbers=(1,)), 4, 2),
    (SelectiveCopying(n_words=2, numbers=(2,), p_number=0.4), 4, 2),
    (SelectiveCopying(n_words=1, numbers=(1, 2), p_number=0.6), 4, 2),
    (SelectiveCopying(n_words=1, numbers=(2,), p_number=0.5), 4, 3),
    (AssociativeRecall(n_words=2), 5, 2),
    (MultiKeyRecall(n_words=2, key_length=2), 5, 2),
    (Needle(n_words=2), 4, 2),
]


@pytest.mark.parametrize(("task", "seq_len", "states"), SMALL, ids=repr)
def test_the_best_of_all_models(task, seq_len, states, monkeypatch):
    """The search finds it, beginning without a model, and with one that is all but as good: no bound cuts it off."""
    best = best_of_all(task, seq_len, states)
    scored = sampled_rows(task, seq_len).scored
    for known in (0.0, best * scored - 1e-5):
        monkeypatch.setattr("plait.theory.average.optimum.reached", lambda *_, known=known, **__: known)
        assert best_accuracy(task, seq_len, states) == pytest.approx(best, abs=1e-9)


BETWEEN = [
    (SelectiveCopying(n_words=2, numbers=(2,)), 6, 2, 0.599192),
    (SelectiveCopying(n_words=2, numbers=(1, 2)), 5, 2, 0.602387),
    (SelectiveCopying(n_words=3, numbers=(2,)), 5, 2, 0.510327),
    (SelectiveCopying(n_words=2, numbers=(1,)), 20, 2, 0.779419),
    (AssociativeRecall(n_words=3), 6, 2, 0.719210),
    (Needle(n_words=3), 6, 2, 0.666667),
]


@pytest.mark.parametrize(("task", "seq_len", "states", "best"), BETWEEN, ids=repr)
def test_the_optimum_lies_between(task, seq_len, states, best):
    found = best_accuracy(task, seq_len, states)
    assert found == pytest.approx(best, abs=1e-6)
    bits = [math.log2(states)]
    assert accuracy_floor(task, seq_len, bits)[0] <= found <= accuracy_ceiling(task, seq_len, bits)[0]
    rows = sampled_rows(task, seq_len)
    assert rows.scored == pytest.approx(scored_positions(task, seq_len))
    climbed = reached(rows, states, tries=5) / rows.scored
    assert 0.9 * found <= climbed <= found + 1e-9


@pytest.mark.parametrize(("words", "seq_len", "states"), [(2, 4, 2), (3, 5, 3), (3, 7, 2), (2, 9, 2)])
def test_the_best_model_of_needle_is_known(words, seq_len, states):
    """It keeps all words but a few for good, and one more as long as it lasts; one state less, or more, is another."""
    task = Needle(n_words=words)
    best = best_accuracy(task, seq_len, states)
    floors = accuracy_floor(task, seq_len, [math.log2(s) for s in (states - 1, states, states + 1)])
    assert floors[1] == pytest.approx(best, abs=1e-8)
    assert floors[0] < best - 0.01
    assert floors[2] > best + 0.01
    (ceiling,) = accuracy_ceiling(task, seq_len, [math.log2(states)])
    assert ceiling == pytest.approx(best, abs=1e-8) or seq_len // 2 > words + 1


@pytest.mark.parametrize(
    "task",
    [SelectiveCopying(), SelectiveCopying(n_words=4, numbers=(2, 6)), AssociativeRecall(), Needle()],
    ids=repr,
)
def test_floors_lie_below_ceilings_and_rise_to_one(task):
    bits = [0.0, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 200.0]
    floors, ceilings = accuracy_floor(task, 40, bits), accuracy_ceiling(task, 40, bits)
    assert floors == sorted(floors)
    assert all(low <= high for low, high in zip(floors, ceilings, strict=True))
    assert floors[-1] == pytest.approx(1)
    assert floors[0] == pytest.approx(ceilings[0])
    if isinstance(task, Needle):
        assert floors == pytest.approx(ceilings, abs=1e-7)


@pytest.mark.parametrize(("slots", "values"), [(0, 2), (0, 3), (1, 1), (1, 2), (2, 1)])
def test_a_floor_is_what_its_model_is_right_at(slots, values):
    """Two back: every other place kept in full or all of them, and one more slot told apart from all others in part."""
    task, seq_len = SelectiveCopying(n_words=2, numbers=(2,), p_number=0.3), 7
    (floor,) = accuracy_floor(task, seq_len, [math.log2(3**slots * values)])
    rows, chances = rows_with_chances(task, seq_len)
    best = 0.0
    for kept in permutations([*[3] * slots, values, 1][:2]):
        right = scored = 0.0
        guessed: dict[tuple[int, bool], list[float]] = {}
        for row, chance in zip(rows, chances, strict=True):
            for place, answer in enumerate(task.answers(row)):
                if answer is not None:
                    scored += chance
                    told = answer < kept[place % 2] - 1  # the likeliest tokens, a and b, come first
                    right += chance * told
                    among = guessed.setdefault((place, row[place] >= task.n_words), [0.0] * 3)
                    among[answer] += chance * (not told)
        best = max(best, (right + sum(map(max, guessed.values()))) / scored)
    assert floor == pytest.approx(best)


def test_what_is_too_large_is_said_so():
    with pytest.raises(ValueError, match="take a smaller task"):
        best_accuracy(SelectiveCopying(), 20, 2)
    with pytest.raises(ValueError, match="not one of independent tokens"):
        best_accuracy(SelectiveCopying(variant="repetitive"), 20, 2)
    with pytest.raises(ValueError, match="nothing is scored"):
        best_accuracy(SelectiveCopying(n_words=2, numbers=(5,)), 3, 2)
    with pytest.raises(ValueError, match="states must be"):
        best_accuracy(Needle(n_words=2), 5, 0)
    with pytest.raises(ValueError, match="no models with a known accuracy"):
        accuracy_floor(DecodingRecall(), 20, [3])
