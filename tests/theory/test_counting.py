"""What automata count: cycles and groups by brute force, found automata against known ones, and what stacks count."""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import pytest
import torch
from own_tasks import Bare, Echo, Hidden, LastTokens, Majority, Parity

from plait.tasks import (
    MQAR,
    AssociativeRecall,
    DecodingRecall,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    MultiKeyRecall,
    Needle,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    SelectiveCopying,
    Targets,
)
from plait.theory import state_count
from plait.theory.automata.monoid import cycles, groups, transition_monoid
from plait.theory.counting import known_counting, what_it_means
from plait.theory.search import NotFiniteStateError, find_counting
from plait.theory.search.automaton import MOST_STATES, find_automaton
from plait.theory.search.oracle import Oracle


@dataclass(frozen=True)
class Steps(Bare):
    """A task given by an automaton: `moves[state][letter]` and `due[state][letter]`, negative where nothing is due."""

    moves: tuple = ()
    due: tuple = ()

    def __post_init__(self):
        object.__setattr__(self, "n_tokens", len(self.moves[0]))

    def targets(self, tokens):
        moves, due = torch.tensor(self.moves), torch.tensor(self.due)
        state, answers = torch.zeros(tokens.shape[:-1], dtype=torch.int64), torch.zeros_like(tokens)
        for place in range(tokens.shape[-1]):
            answers[..., place] = due[state, tokens[..., place]]
            state = moves[state, tokens[..., place]]
        return Targets(answers.clamp(min=0), answers >= 0)


def group_task(n, generators):
    """Where the product of the permutations read so far leads each point to."""
    elements = list(permutations(range(n)))
    moves = tuple(
        tuple(elements.index(tuple(g[p[i]] for i in range(n))) for g in generators) for p in elements
    )
    return Steps(moves=moves, due=moves)


@pytest.mark.parametrize("seed", range(30))
def test_cycles_and_aperiodicity_are_those_of_all_words(seed):
    rng = np.random.default_rng(seed)
    n, letters = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    table = rng.integers(0, n, (letters, n))
    if seed % 3 == 0:
        table[0] = rng.permutation(n)
    lengths = set()
    for size in range(1, 9):
        for word in product(range(letters), repeat=size):
            for first in range(n):
                path = [first]
                while path.count(path[-1]) == 1:
                    state = path[-1]
                    for letter in word:
                        state = int(table[letter][state])
                    path.append(state)
                lengths.add(len(path) - 1 - path.index(path[-1]))
    monoid = transition_monoid(table)
    found = cycles(monoid)
    assert set(found) == lengths - {1}
    for length, cycle in found.items():
        assert len(set(cycle.states)) == length == len(cycle.states)
        for state, after in zip(cycle.states, (*cycle.states[1:], cycle.states[0]), strict=True):
            for letter in cycle.word:
                state = int(table[letter][state])
            assert state == after


def test_groups_and_their_derived_series():
    def found(n, *generators):
        return [(g.order, g.commutative, g.length) for g in groups(transition_monoid(np.array(generators)))]

    assert found(4, (1, 2, 3, 0)) == [(4, True, 1)]
    assert found(3, (1, 2, 0), (1, 0, 2)) == [(6, False, 2)]
    assert found(4, (1, 2, 3, 0), (1, 0, 2, 3)) == [(24, False, 3)]
    assert found(5, (1, 2, 3, 4, 0), (1, 2, 0, 3, 4)) == [(60, False, None)]
    reset = (0, 0, 0)
    assert found(3, (1, 0, 2), reset) == [(2, True, 1)]
    assert found(3, reset, (0, 1, 1)) == []


@pytest.mark.parametrize(
    ("task", "states", "lengths"),
    [
        (Parity(), 2, [2]),
        (Parity(modulus=12), 12, [12, 6, 4, 3, 2]),
        (LastTokens(), 125, []),
        (Majority(), 14, []),
        (group_task(3, ((1, 2, 0), (1, 0, 2))), 6, [2, 3]),
        (Steps(moves=((1, 0), (0, 0)), due=((-1, 0), (1, 0))), 2, []),
    ],
    ids=repr,
)
def test_automata_of_tasks_that_only_answer(task, states, lengths):
    counting = find_counting(task, seq_len=30, seconds=600)
    assert counting.states == states
    assert sorted(one.length for one in counting.counted) == sorted(lengths)


@pytest.mark.parametrize(
    "inner",
    [
        SelectiveCopying(n_words=2, numbers=(1, 2)),
        AssociativeRecall(n_words=3),
        MultiKeyRecall(n_words=2),
        DecodingRecall(n_bits=1),
        Needle(n_words=4),
        MQAR(n_keys=2, n_values=2, n_pairs=1),
        MQAR(n_keys=2, n_values=2, n_pairs=1, keep="first"),
        NoisyRecall(n_words=3, n_noise=1),
        FuzzyRecall(n_letters=1),
        SegmentedRecall(n_words=2, n_segments=2),
        MatrixLookup(n_words=2, rows=1, columns=2),
        MatrixLookup(n_words=2, rows=2, columns=1),
        KHopInduction(n_words=3, hops=2),
        FollowBack(n_words=2, numbers=(1, 2), hops=2),
        PositionRetrieval(n_words=3, n_positions=2),
        NGramRetrieval(n_words=3, n=1),
        FlipCounting(least=2),
    ],
    ids=repr,
)
def test_the_tasks_count_nothing(inner):
    counting = find_counting(Hidden(inner=inner), seq_len=40, seconds=600)
    assert counting.aperiodic
    assert not counting.counted
    assert not counting.groups
    assert known_counting(inner).aperiodic
    if isinstance(inner, SelectiveCopying | AssociativeRecall | MultiKeyRecall | DecodingRecall):
        assert counting.states == state_count(inner)


@pytest.mark.parametrize("seed", range(12))
def test_a_random_automaton_is_found(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30))
    task = Steps(
        moves=tuple(map(tuple, rng.integers(0, n, (n, 2)).tolist())),
        due=tuple(map(tuple, rng.integers(-1, 2, (n, 2)).tolist())),
    )
    found = find_automaton(Oracle(task, seq_len=60, seconds=600, seed=0))
    rows = rng.integers(0, 2, (500, 90))
    state, answers = np.zeros(500, dtype=int), np.empty_like(rows)
    for place, column in enumerate(rows.T):
        answers[:, place] = found.answers[column, state]
        state = found.moves[column, state]
    tokens, scored = task.targets(torch.tensor(rows))
    assert (answers == torch.where(scored, tokens, -1).numpy()).all()
    assert len(found.access) <= n
    for q, word in enumerate(found.access):
        state = 0
        for letter in word:
            state = int(found.moves[letter][state])
        assert state == q


@pytest.mark.parametrize(("modulus", "layers"), [(2, 1), (4, 2), (8, 3), (3, None), (12, None)])
def test_layers_that_a_count_needs(modulus, layers):
    counting = find_counting(Parity(modulus=modulus), seq_len=30, seconds=600)
    assert counting.counted[0].real_layers == layers
    said = " ".join(one.text for one in what_it_means(counting))
    assert ("at least" in said) == (layers is not None)
    assert "no stack can" in said


def test_groups_without_commutative_factors_are_said_so():
    counting = find_counting(group_task(5, ((1, 2, 3, 4, 0), (1, 2, 0, 3, 4))), seq_len=30, seconds=600)
    assert counting.groups[0].order == 60
    assert any("not solvable" in one.text for one in what_it_means(counting))


def test_a_count_that_no_answer_tells_is_none():
    """Every other position is due, and asks for its own token: a model need not know which are due."""
    task = Steps(moves=((1, 1), (0, 0)), due=((-1, -1), (0, 1)))
    counting = find_counting(task, seq_len=20, seconds=600)
    assert not counting.aperiodic
    assert not counting.counted
    assert "not known" in what_it_means(counting)[0].text


def test_more_states_than_are_held_are_said_so():
    """Here more than 20; `find_automaton` by itself holds 1,000."""
    oracle = Oracle(Parity(modulus=30), seq_len=80, seconds=600, seed=0)
    with pytest.raises(NotFiniteStateError, match="more than 20 states were told apart, by rows of up to 21"):
        find_automaton(oracle, most_states=20)
    assert MOST_STATES == 1_000


def test_what_is_not_finite_state_says_what_was_tried():
    with pytest.raises(NotFiniteStateError, match="states were told apart"):
        find_counting(Echo(letters=2), seq_len=20, seconds=600)
    with pytest.raises(NotFiniteStateError, match="70 tokens are more than the 64"):
        find_counting(LastTokens(n_tokens=70), seq_len=20, seconds=600)
    with pytest.raises(NotFiniteStateError, match="in the time given"):
        find_counting(Echo(letters=2), seq_len=20, seconds=0.01)
    with pytest.raises(ValueError, match="too many to write out"):
        transition_monoid(np.array([[1, 2, 3, 4, 5, 6, 0], [1, 0, 2, 3, 4, 5, 6]]), most_cells=1_000)
    every_map = ((1, 2, 3, 4, 5, 6, 0), (1, 0, 2, 3, 4, 5, 6), (0, 0, 2, 3, 4, 5, 6))
    moves = tuple(zip(*every_map, strict=True))
    with pytest.raises(NotFiniteStateError, match="7 states were found, and the transition monoid"):
        find_counting(Steps(moves=moves, due=moves), seq_len=30, seconds=600)


def eventual_period(layers, word, rounds=200):
    """Rounds after which the states of a stack repeat, read `word` again and again.

    Layers are `(kind, tables)`: `scan` maps its own state by `tables[symbol]` and puts out (state, symbol); `window`
    puts out the last so many symbols.
    """
    states = [0 if kind == "scan" else () for kind, _ in layers]
    numbers = [{} for _ in layers]
    seen = []
    for _ in range(rounds):
        for letter in word:
            symbol = letter
            for at, (kind, tables) in enumerate(layers):
                if kind == "scan":
                    states[at] = int(tables[symbol % len(tables)][states[at]])
                    symbol = numbers[at].setdefault((states[at], symbol), len(numbers[at]))
                else:
                    states[at] = (*states[at], symbol)[-tables:]
                    symbol = numbers[at].setdefault(states[at], len(numbers[at]))
        seen.append(tuple(states))
    return next(p for p in range(1, rounds) if seen[-40:] == seen[-40 - p : -p])


def stack(rng, *, real):
    layers = []
    for _ in range(int(rng.integers(1, 4))):
        tables = np.sort(rng.integers(0, 9, (7, 9)), axis=1)
        if real:
            tables = np.where(rng.random((7, 1)) < 0.5, tables[:, ::-1], tables)
        layers += [("window", int(rng.integers(1, 4))), ("scan", tables)]
    return layers


@pytest.mark.parametrize("seed", range(40))
def test_factors_without_sign_settle_and_with_sign_double(seed):
    rng = np.random.default_rng(seed)
    word = rng.integers(0, 3, int(rng.integers(1, 5))).tolist()
    assert eventual_period(stack(rng, real=False), word) == 1
    layers = stack(rng, real=True)
    assert 2 ** sum(kind == "scan" for kind, _ in layers) % eventual_period(layers, word) == 0


def test_two_layers_with_sign_count_modulo_four():
    toggle = np.array([[1, 0]])
    carried = ("scan", np.array([[1, 0], [0, 1]]))  # the first layer's symbols alternate
    assert eventual_period([("scan", toggle)], [0]) == 2
    assert eventual_period([("scan", toggle), carried], [0]) == 4
