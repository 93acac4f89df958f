"""Ceilings on average against every automaton of a few states, and the expectations in them against every row."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import accuracy_ceiling, best_accuracy, bits_proved, ceiling_curve, ssm_state_bits
from plait.theory.average.copying import _by_cuts, _equal_shares, _level_shares, _one_answer, copying_scored
from plait.theory.average.recall import _ceiling, _readings
from plait.theory.average.tails import score_tails


def rows_with_chances(task, seq_len):
    """Every row that the sampler can make, and its probability."""
    if isinstance(task, Needle):
        words = list(product(range(task.n_words), repeat=seq_len - 2))
        places = range(seq_len // 2)
        a, b = task.n_words, task.n_words + 1
        rows = [[*row[:place], a, *row[place:], b] for place in places for row in words]
        return np.array(rows), np.full(len(rows), 1 / len(rows))
    tokens = task.ordinary_tokens
    chance = np.full(tokens, 1 / tokens)
    if isinstance(task, SelectiveCopying):
        chance[: task.n_words] = (1 - task.p_number) / task.n_words
        chance[task.n_words :] = task.p_number / len(task.numbers)
    if isinstance(task, DecodingRecall):
        chance[: task.n_words] = (1 - task.p_bit) / task.n_words
        chance[task.n_words :] = task.p_bit / 2
    rows = np.array(list(product(range(tokens), repeat=seq_len)))
    return rows, chance[rows].prod(1)


def best_automaton(task, seq_len, states):
    """The accuracy of the best automaton: every update is tried, and each answer is the best for (state, token)."""
    rows, chances = rows_with_chances(task, seq_len)
    targets = task.targets(torch.tensor(rows))
    wanted = torch.where(targets.scored, targets.tokens, -1).numpy()
    tokens = int(rows.max()) + 1
    best = 0.0
    for update in product(range(states), repeat=states * tokens):
        moves = np.array(update).reshape(states, tokens)
        state, mass = np.zeros(len(rows), dtype=int), np.zeros((states * tokens, tokens))
        for place in range(seq_len):
            scored = wanted[:, place] >= 0
            cell = (state * tokens + rows[:, place])[scored]
            np.add.at(mass, (cell, wanted[scored, place]), chances[scored])
            state = moves[state, rows[:, place]]
        best = max(best, mass.max(1).sum())
    return best / (chances[:, None] * (wanted >= 0)).sum()


EXACT = [
    (Needle(n_words=2), 5, 1),
    (Needle(n_words=3), 6, 1),
    (Needle(n_words=2), 5, 2),
    (Needle(n_words=3), 6, 2),
    (Needle(n_words=3), 7, 2),
    (SelectiveCopying(n_words=2, numbers=(1,)), 5, 1),
    (SelectiveCopying(n_words=2, numbers=(1,)), 5, 2),
    (SelectiveCopying(n_words=2, numbers=(1,), p_number=0.6), 5, 2),
    (SelectiveCopying(n_words=3, numbers=(1,)), 4, 2),
    (AssociativeRecall(n_words=4), 8, 1),
    (AssociativeRecall(n_words=6), 5, 1),
    (MultiKeyRecall(n_words=4, key_length=1), 7, 1),
    (SelectiveCopying(n_words=2, numbers=(2,)), 6, 1),
    (SelectiveCopying(n_words=2, numbers=(1, 2)), 5, 1),
    (SelectiveCopying(n_words=3, numbers=(3, 1), p_number=0.5), 5, 1),
]
ABOVE = [
    (Needle(n_words=2), 8, 2),
    (SelectiveCopying(n_words=2, numbers=(2,)), 6, 2),
    (SelectiveCopying(n_words=2, numbers=(1, 2)), 5, 2),
    (AssociativeRecall(n_words=4), 5, 2),
    (MultiKeyRecall(n_words=2, key_length=2), 9, 2),
    (DecodingRecall(n_bits=1, p_bit=0.5), 9, 1),
    (DecodingRecall(n_bits=2, p_bit=0.3), 5, 1),
]


@pytest.mark.parametrize(("task", "seq_len", "states"), EXACT, ids=repr)
def test_ceilings_that_are_attained(task, seq_len, states):
    """By models that may know their position; one that may not can only be worse."""
    (ceiling,) = accuracy_ceiling(task, seq_len, [math.log2(states)])
    best = best_accuracy(task, seq_len, states)
    assert ceiling == pytest.approx(best, abs=1e-7)
    assert best_automaton(task, seq_len, states) <= best + 1e-9


@pytest.mark.parametrize(("task", "seq_len", "states"), ABOVE, ids=repr)
def test_no_automaton_is_above_the_ceiling(task, seq_len, states):
    (ceiling,) = accuracy_ceiling(task, seq_len, [math.log2(states)])
    best = best_accuracy(task, seq_len, states)
    assert best <= ceiling
    assert best_automaton(task, seq_len, states) <= best + 1e-9


def test_the_best_automaton_of_all_states_is_right():
    assert best_automaton(SelectiveCopying(n_words=2, numbers=(1,)), 4, 3) == pytest.approx(1)


@pytest.mark.parametrize(
    ("task", "seq_len"),
    [
        (SelectiveCopying(n_words=1, numbers=(1, 3), p_number=0.3), 7),
        (SelectiveCopying(n_words=2, numbers=(4,), p_number=0.5), 7),
        (AssociativeRecall(n_words=3), 7),
        (MultiKeyRecall(n_words=2, key_length=2), 9),
        (MultiKeyRecall(n_words=2, key_length=3), 10),
        (MultiKeyRecall(n_words=3, key_length=1), 7),
        (DecodingRecall(n_bits=1), 7),
        (DecodingRecall(n_bits=2, p_bit=0.5), 6),
    ],
    ids=repr,
)
def test_expectations_are_those_of_all_rows(task, seq_len):
    rows, chances = rows_with_chances(task, seq_len)
    scored = float((chances[:, None] * task.targets(torch.tensor(rows)).scored.numpy()).sum())
    if isinstance(task, SelectiveCopying):
        assert copying_scored(task, seq_len) == pytest.approx(scored)
        return
    for asked in _readings(task, seq_len):
        assert asked.scored == pytest.approx(scored)
        crossing = sum(
            chance * crossings(task, row) for row, chance in zip(rows.tolist(), chances, strict=True)
        )
        assert asked.crossing == pytest.approx(crossing)


@pytest.mark.parametrize(
    ("task", "seq_len"),
    [
        (AssociativeRecall(n_words=3), 6),
        (MultiKeyRecall(n_words=2, key_length=2), 8),
        (DecodingRecall(n_bits=2), 6),
    ],
    ids=repr,
)
def test_what_is_asked_behind_a_cut_is_that_of_all_suffixes(task, seq_len):
    """`asks[d][j]` is the chance, for the key asked for most often, that it is first asked for at j from place d on."""
    bits = task.n_bits if isinstance(task, DecodingRecall) else 0
    k = getattr(task, "key_length", 1)
    rows, chances = rows_with_chances(task, seq_len)
    asked = {}
    for row, chance in zip(rows.tolist(), chances, strict=True):
        for key, begin, end in asked_first(task, row, bits, k):
            asked.setdefault((begin, end), {}).setdefault(key, []).append(chance)
    ours = next(iter(_readings(task, seq_len))).asks
    for (begin, end), by_key in asked.items():
        assert ours[begin, end] == pytest.approx(max(map(math.fsum, by_key.values())))
    assert (ours > 0).sum() == len(asked)


@pytest.mark.parametrize(
    "task",
    [
        AssociativeRecall(n_words=3),
        MultiKeyRecall(n_words=2, key_length=2),
        DecodingRecall(n_bits=1, p_bit=0.7),
    ],
    ids=repr,
)
def test_guesses_at_followers_are_coins(task):
    """Of every table of guesses, the chance that what it is right about weighs so much; some are just as good."""
    seq_len, k = 5, getattr(task, "key_length", 1)
    rows, chances = rows_with_chances(task, seq_len)
    tokens = int(rows.max()) + 1
    keys = sum(rows[:, place : seq_len - k + place] * tokens ** (k - 1 - place) for place in range(k))
    weights = np.array([0.5, 1.0, 0.25, 0.125])[: seq_len - k]
    asked = next(iter(_readings(task, seq_len)))
    tails, step = score_tails(weights, asked.chance)
    heights = step * np.arange(1, len(tails))
    reached = np.zeros(len(heights))
    for table in product(range(tokens), repeat=tokens**k):
        score = (np.take(table, keys) == rows[:, k:]) @ weights
        mass = np.array([chances[score >= height].sum() for height in heights])
        assert (mass <= tails[1:] + 1e-12).all()
        reached = np.maximum(reached, mass)
    assert reached.sum() >= 0.9 * tails[1:].sum()


@pytest.mark.parametrize("span", [1, 4, 16])
@pytest.mark.parametrize(
    "task",
    [AssociativeRecall(n_words=9), MultiKeyRecall(n_words=3), DecodingRecall(n_bits=3, p_bit=0.5)],
    ids=repr,
)
def test_one_state_may_guess(task, span):
    """One table of guesses is right about each answer that crosses a cut with the chance of a guess."""
    for asked in _readings(task, 30):
        crossing = asked.crossing * (1 - asked.free)
        (ceiling,) = _ceiling(asked, 30, span, np.array([1.0]))
        assert ceiling * asked.scored >= asked.scored - crossing + crossing * asked.chance


def asked_first(task, row, bits, k):
    """(key, begin, end) of what is asked for while a follower from before the row is still the latest."""
    seen, spelled = set(), []
    for place, token in enumerate(row):
        if bits:
            spelled += [(place, token - task.n_words)] * (token >= task.n_words)
            key = int("".join(str(bit) for _, bit in spelled[-bits:]) or "0", 2)
            if len(spelled) >= bits and not any(word == key and at < place for word, at in seen):
                yield key, spelled[-bits][0], place
            if token < task.n_words:
                seen.add((token, place))
        elif place >= k - 1:
            key = tuple(row[place - k + 1 : place + 1])
            if key not in seen:
                yield key, place - k + 1, place
            seen.add(key)


def crossings(task, row):
    """Scored positions whose key begins (or is spelled) at least one token behind the follower that it wants."""
    bits = task.n_bits if isinstance(task, DecodingRecall) else 0
    k = getattr(task, "key_length", 1)
    last, spelled, count = {}, [], 0
    for place, token in enumerate(row):
        if bits:
            spelled += [(place, token - task.n_words)] * (token >= task.n_words)
            if len(spelled) >= bits:
                key = int("".join(str(bit) for _, bit in spelled[-bits:]), 2)
                count += key in last and spelled[-bits][0] > last[key] + 1
            if token < task.n_words:
                last[token] = place
        elif place >= k - 1:
            key = tuple(row[place - k + 1 : place + 1])
            count += key in last and place - k + 1 > last[key] + 1
            if place >= (k if isinstance(task, MultiKeyRecall) else 0):
                last[key] = place
    return count


@pytest.mark.parametrize("numbers", [(5, 6, 7, 8, 9), (1, 9), (3,), (2, 3)])
def test_each_answer_is_counted_once_over_all_cuts(numbers):
    """With so many states that everything can be right, the cuts score every scored position."""
    task, seq_len = SelectiveCopying(n_words=3, numbers=numbers), 14
    for shares in (_equal_shares(numbers), _level_shares(numbers)):
        assert shares.sum(1) == pytest.approx(np.ones(len(numbers)))
        total = _by_cuts(task, seq_len, shares, np.array([2.0**200]))
        assert total == pytest.approx([copying_scored(task, seq_len)])
    assert _one_answer(task, seq_len, np.array([1e9])) == pytest.approx([1])


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=6, numbers=(2, 3)),
        SelectiveCopying(n_words=6, numbers=(3, 10)),
        AssociativeRecall(n_words=8),
        MultiKeyRecall(n_words=4),
        DecodingRecall(n_bits=2),
        Needle(n_words=9),
    ],
    ids=repr,
)
def test_curves_rise_to_one_and_are_read_backwards(task):
    bits, ceilings = ceiling_curve(task, 20)
    assert list(ceilings) == sorted(ceilings)
    assert 0 < ceilings[0] < ceilings[-1] == 1
    assert (
        bits[-1] <= float(ssm_state_bits(task).value) + 0.25
    )  # what is enough for every row is enough on average
    for accuracy in (0.3, 0.6, 0.9, 1.0):
        proved = bits_proved(task, 20, accuracy)
        assert not proved or accuracy_ceiling(task, 20, [proved])[0] < accuracy
        assert accuracy_ceiling(task, 20, [proved + 0.25])[0] >= accuracy
    assert bits_proved(task, 20, 0) == 0


def test_the_paper_s_copying_proves_most_of_its_bits():
    (below,) = accuracy_ceiling(SelectiveCopying(), 20, [40])
    assert below < 1
    assert bits_proved(Needle(), 100, 0.9) == 6.5


def test_what_has_no_ceiling_is_said_so():
    with pytest.raises(ValueError, match="variant uniform"):
        accuracy_ceiling(SelectiveCopying(variant="repetitive"), 20, [3])
    with pytest.raises(ValueError, match="interleaved"):
        accuracy_ceiling(DecodingRecall(variant="last"), 20, [3])
    with pytest.raises(ValueError, match="score_marker"):
        accuracy_ceiling(Needle(score_marker=True), 20, [3])
    with pytest.raises(ValueError, match="no ceiling"):
        accuracy_ceiling(object(), 20, [3])
    with pytest.raises(ValueError, match="bits must be at least 0"):
        accuracy_ceiling(Needle(), 20, [3, -1])
    with pytest.raises(ValueError, match="bits must be at least 0"):
        accuracy_ceiling(Needle(), 20, [float("nan")])
    with pytest.raises(ValueError, match="accuracy must be in"):
        bits_proved(Needle(), 20, 1.5)
    with pytest.raises(ValueError, match="seq_len must be"):
        accuracy_ceiling(Needle(), 1, [3])
