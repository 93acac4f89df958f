"""States beside a window: the formula against every model of its kind, and the model that attains it."""

from itertools import product

import numpy as np
import pytest
from theory_cases import SMALL_TASKS

from plait.tasks import DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import frontier_states
from plait.theory.automata import Machine, minimise, reachable, task_machine
from plait.theory.automata.windows import window_automaton, window_states

LENGTH = 7


@pytest.mark.parametrize("task", SMALL_TASKS, ids=repr)
def test_closed_forms_are_the_most_classes_behind_one_window(task):
    least = minimise(task_machine(task))
    counts = window_states(least, 5 if least.n_states < 1000 else 1)
    assert counts == [frontier_states(task, reach) for reach in range(len(counts))]


@pytest.mark.parametrize(
    "task",
    [SelectiveCopying(n_words=2, numbers=(1, 2)), DecodingRecall(n_bits=1), Needle(n_words=3)],
    ids=repr,
)
@pytest.mark.parametrize("reach", [0, 1, 2, 3])
def test_so_many_states_are_enough(task, reach):
    machine = task_machine(task)
    model = window_automaton(minimise(machine), reach)
    assert model.n_states == frontier_states(task, reach)
    n = len(machine.symbols)
    for word in product(range(n), repeat=6):
        try:
            wanted = machine.run(word)
        except ValueError:  # a row that cannot come
            continue
        answers = model.run(word)
        assert all(want in (None, got) for want, got in zip(wanted, answers, strict=True))


def random_machine(seed: int, n_states: int) -> Machine:
    """A machine over two symbols, every answer defined, of which all states can be reached."""
    drawn = np.random.default_rng(seed)
    while True:
        move = drawn.integers(n_states, size=(n_states, 2)).tolist()
        answer = drawn.integers(2, size=(n_states, 2)).tolist()
        machine = Machine(start=0, step=lambda s, x, m=move, a=answer: (m[s][x], a[s][x]), symbols=(0, 1))  # type: ignore[misc]
        if len(reachable(machine)) == n_states:
            return machine


def some_model_is_right(machine: Machine, n_states: int, below: int, above: int) -> bool:
    """Whether any automaton of so many states between two windows agrees with the machine on all rows of LENGTH.

    Every update `step(state, last below + 1 tokens)` is tried; the answer at a position may be any function of the
    state `above + 1` positions earlier and of all tokens since `below` before that: all that the windows show.
    """
    rows = np.array(list(product((0, 1), repeat=LENGTH)))
    wanted = np.array([machine.run(row) for row in rows.tolist()], dtype=np.int64)
    # Position 0 stands after below + above + 1 tokens that are all 2, so that windows at the start are full.
    padded = np.concatenate([np.full((len(rows), below + above + 1), 2), rows], axis=1)
    codes = np.zeros((len(rows), LENGTH), dtype=np.int64)
    for back in range(below + 1):
        codes = codes * 3 + padded[:, below + above + 1 - back : below + above + 1 - back + LENGTH]
    seen = np.unique(codes)
    codes = np.searchsorted(seen, codes)
    window = np.zeros((len(rows), LENGTH), dtype=np.int64)
    for back in range(below + above + 1):
        window = window * 3 + padded[:, below + above + 1 - back : below + above + 1 - back + LENGTH]
    n_cells = n_states * len(seen)
    updates = np.stack(
        np.meshgrid(*[np.arange(n_states)] * n_cells, indexing="ij"), axis=-1
    ).reshape(-1, n_states, len(seen))  # fmt: skip
    for some in np.array_split(updates, max(1, len(updates) // 4096)):
        state = np.zeros((len(some), len(rows)), dtype=np.int64)
        states = [state] * (above + 1)
        index = np.arange(len(some))[:, None]
        clash = np.zeros(len(some), dtype=bool)
        first = np.full((len(some), n_states * 3 ** (below + above + 1)), -1)
        for position in range(LENGTH):
            key = states[-1 - above] * 3 ** (below + above + 1) + window[None, :, position]
            for row in range(len(rows)):
                known = first[np.arange(len(some)), key[:, row]]
                want = wanted[row, position]
                clash |= (known >= 0) & (known != want)
                first[np.arange(len(some)), key[:, row]] = want
            state = some[index, state, codes[None, :, position]]
            states.append(state)
        if not clash.all():
            return True
    return False


@pytest.mark.parametrize("seed", range(8))
def test_fewer_states_are_never_enough(seed):
    """All automata with windows below and above them, by exhaustion, for random machines of two and three states."""
    machine = random_machine(seed, 2 + seed % 2)
    least = minimise(machine)
    counts = window_states(least, 1)
    for reach, states in enumerate(counts):
        assert window_automaton(least, reach).n_states >= states
        for below in range(reach + 1):
            if states > 1:
                assert not some_model_is_right(machine, states - 1, below, reach - below)


def test_some_model_is_right_where_one_is():
    """The exhaustive search does find models: with a window of one token back, the token before needs no state."""
    delay = Machine(start=0, step=lambda state, token: (token, state), symbols=(0, 1))
    assert window_states(minimise(delay), 2) == [2, 1, 1]
    assert not some_model_is_right(delay, 1, 0, 0)
    assert some_model_is_right(delay, 1, 0, 1)
    assert some_model_is_right(delay, 1, 1, 0)
    assert some_model_is_right(delay, 2, 0, 0)


def test_parity_needs_its_bit_behind_any_window():
    parity = Machine(start=0, step=lambda state, bit: (state ^ bit, state ^ bit), symbols=(0, 1))  # type: ignore[operator]
    assert window_states(minimise(parity), 6) == [2] * 7


def test_too_many_windows_are_said_so():
    least = minimise(task_machine(MultiKeyRecall(n_words=2, key_length=3)))
    with pytest.raises(ValueError, match="more than 3 sets of states"):
        window_states(least, 2, limit=3)
    with pytest.raises(ValueError, match="more than 3 windows"):
        window_automaton(least, 4, limit=3)
