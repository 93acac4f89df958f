"""Closed forms against exhaustive minimisation; a stack of layers as one machine (Lemma 2.1)."""

import itertools
import random
from fractions import Fraction

import pytest
import torch
from theory_cases import SMALL_TASKS, all_rows, in_domain

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import Retrieval, counting_states, fano_bits, state_count
from plait.theory.automata import Machine, compose, minimise, reachable, task_machine
from plait.theory.exact_numbers import log2_floor


@pytest.mark.parametrize("task", SMALL_TASKS, ids=repr)
def test_least_automaton_is_the_closed_form(task):
    assert minimise(task_machine(task)).n_states == state_count(task)


@pytest.mark.parametrize(
    ("task", "states"),
    [
        (SelectiveCopying(n_words=3, numbers=(2, 3)), 152),
        (MultiKeyRecall(n_words=3, key_length=2), 6_561),
        (MultiKeyRecall(n_words=2, key_length=3), 128),
        (DecodingRecall(n_bits=1), 28),
        (DecodingRecall(n_bits=2), 3_456),
        (Needle(n_words=5), 6),
    ],
    ids=repr,
)
def test_the_counts_of_the_table(task, states):
    assert state_count(task) == states


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=4, numbers=(3,)),
        SelectiveCopying(n_words=2, numbers=(1, 2)),
        SelectiveCopying(n_words=2, numbers=(1, 4)),
        SelectiveCopying(n_words=4, numbers=(1, 3)),
        SelectiveCopying(n_words=1, numbers=(3,)),
        SelectiveCopying(n_words=2, numbers=(4,)),
        SelectiveCopying(n_words=1, numbers=(1, 2, 3)),
        Needle(n_words=7),
        pytest.param(AssociativeRecall(n_words=6), marks=pytest.mark.slow),
        pytest.param(MultiKeyRecall(n_words=2, key_length=4), marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_larger_closed_forms(task):
    assert minimise(task_machine(task)).n_states == state_count(task)


@pytest.mark.parametrize("task", SMALL_TASKS, ids=repr)
def test_no_random_family_has_more_bits_than_the_least_automaton(task):
    """Random prefixes and queries, at random errors: the bound is at most log2 of the exact number of states."""
    rng, machine, largest = random.Random(7), task_machine(task), 0
    for _ in range(30):
        length, n_queries = rng.randint(1, 14), rng.randint(1, 6)
        prefixes = [some_row(machine, rng, length) for _ in range(100)]
        suffixes = [rng.choices(machine.symbols, k=rng.randint(1, 5)) for _ in range(n_queries)]
        tables = {tuple(last_answer(machine, prefix + suffix) for suffix in suffixes) for prefix in prefixes}
        tables = {table for table in tables if None not in table}
        answers = max(2, len({answer for table in tables for answer in table}))
        if not tables:
            continue
        largest = max(largest, len(tables))
        game = Retrieval(size=len(tables), queries=n_queries, answers=answers)
        for error in (Fraction(0), Fraction(rng.randrange(100), 100)):
            assert counting_states(game, error) <= state_count(task)
            assert fano_bits(game, error) <= log2_floor([(state_count(task), 1)], parts=1000)
    assert largest > 1


def some_row(machine, rng, length):
    """A random row of symbols that may follow each other."""
    state, row = machine.start, []
    while len(row) < length:
        moves = [(move[0], x) for x in machine.symbols if (move := machine.step(state, x)) is not None]
        state, symbol = rng.choice(moves)
        row.append(symbol)
    return row


def last_answer(machine, word):
    """None where it is undefined, or where such a row cannot be."""
    try:
        return machine.run(word)[-1]
    except ValueError:
        return None


@pytest.mark.parametrize("task", [task for task in SMALL_TASKS if task.ordinary_tokens <= 5], ids=repr)
def test_a_machine_is_its_task(task):
    machine = task_machine(task)
    rows = all_rows(task.ordinary_tokens, 6)
    rows = rows[in_domain(task, rows)]
    targets = task.targets(rows)
    for row, tokens, scored in zip(
        rows.tolist(), targets.tokens.tolist(), targets.scored.tolist(), strict=True
    ):
        assert machine.run(row) == [t if s else None for t, s in zip(tokens, scored, strict=True)]


@pytest.mark.parametrize(
    "task",
    [SelectiveCopying(n_words=2, numbers=(1, 2)), AssociativeRecall(n_words=3), DecodingRecall(n_bits=1)],
    ids=repr,
)
def test_a_least_automaton_is_right_wherever_an_answer_is_defined(task):
    least = minimise(task_machine(task))
    rows = all_rows(task.ordinary_tokens, 7)
    targets = task.targets(rows)
    for row, tokens, scored in zip(
        rows.tolist(), targets.tokens.tolist(), targets.scored.tolist(), strict=True
    ):
        state = least.start
        for token, target, defined in zip(row, tokens, scored, strict=True):
            state, answer = least.table[state][token]
            assert not defined or answer == target


def counter(modulus: int, symbols: tuple) -> Machine:
    return Machine(start=0, step=lambda s, x: ((s + x) % modulus, (s + x) % modulus), symbols=symbols)


def delay(symbols: tuple) -> Machine:
    return Machine(start=0, step=lambda s, x: (x, s), symbols=symbols)


@pytest.mark.parametrize(
    "layers",
    [
        (counter(3, (0, 1)), counter(2, (0, 1, 2))),
        (delay((0, 1)), delay((0, 1)), counter(4, (0, 1))),
        (counter(2, (0, 1)), delay((0, 1)), counter(3, (0, 1)), delay((0, 1, 2))),
    ],
)
def test_a_stack_is_one_machine_with_at_most_the_product_of_states(layers):
    stack = compose(layers)
    for word in itertools.product((0, 1), repeat=8):
        signal = list(word)
        for layer in layers:
            signal = layer.run(signal)
        assert stack.run(word) == signal
    product = 1
    for layer in layers:
        product *= len(reachable(layer))
    states = reachable(stack)
    assert len(states) <= product
    assert minimise(stack).n_states <= len(states)


def test_no_layer_is_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        compose([])


def test_a_task_that_is_never_complete_is_said_so():
    machine = Machine(start=0, step=lambda s, x: (s, None), symbols=(0, 1))
    with pytest.raises(ValueError, match="not known"):
        minimise(machine)


def test_a_wrong_closed_form_would_be_caught():
    task = DecodingRecall(n_bits=1)
    assert minimise(task_machine(task)).n_states != 2 * (2 + 2) ** (2 - 2) * (5 * 2 + 3)


@pytest.mark.parametrize("n_words", [2, 4])
def test_states_before_the_bits(n_words):
    """Of the variant `last`: prefixes of words, told apart by the bits that follow."""
    task = DecodingRecall(n_bits=n_words.bit_length() - 1, variant="last")
    length = 2 * n_words - 2
    prefixes = all_rows(n_words, length)
    suffixes = all_rows(2, task.n_bits) + n_words
    tables = []
    for suffix in suffixes:
        rows = torch.cat([prefixes, suffix.expand(len(prefixes), -1)], dim=1)
        targets = task.targets(rows)
        tables.append(torch.where(targets.scored[:, -1], targets.tokens[:, -1], -1))
    table = torch.stack(tables, dim=1)
    complete = table[(table >= 0).all(1)]
    assert len(torch.unique(complete, dim=0)) == state_count(task)


def test_where_decoding_recall_may_begin():
    """Behind a complete prefix with register 0 every defined target stays; behind others some do not."""
    task = DecodingRecall(n_bits=1)
    words = all_rows(task.ordinary_tokens, 5)
    targets = task.targets(words)

    def changes(prefix):
        behind = task.targets(torch.cat((torch.tensor(prefix).expand(len(words), -1), words), dim=1))
        tokens, scored = behind.tokens[:, len(prefix) :], behind.scored[:, len(prefix) :]
        assert scored.all(), "the prefix is complete"
        return bool((tokens != targets.tokens)[targets.scored].any())

    zero, one = task.n_words, task.n_words + 1
    assert not changes([0, 1, zero])
    assert not changes([1, one, 0, zero])
    assert changes([0, 1, one])
    assert changes([1, zero, 0, one])
