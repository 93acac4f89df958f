"""The tasks as machines that remember more than they must: the start of every exact count.

Each keeps the plainest record of the past (the last tokens; a table of what followed what) and answers by the
definition in arXiv 2603.08859 as restated in docs/theory.md, section 1.
"""

from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.automata.machine import Machine, MachineState, Symbol

Move = tuple[MachineState, Symbol] | None


def task_machine(task: object) -> Machine:
    """The task as a machine over its token ids, words and marks only.

    Raises:
        ValueError: a task without one.
    """
    machine = known_of(task, _MACHINES)
    if machine is None:
        raise ValueError(f"needed a task of plait, got {type(task).__name__}")
    return machine(task)


def _copying(task: SelectiveCopying) -> Machine:
    longest = max(task.numbers)

    def step(state: Any, token: Any) -> Move:
        past, steps_back = state
        past = (*past, token)[-longest - 1 :]
        if token >= task.n_words:
            steps_back = task.numbers[token - task.n_words]
        answer = past[-1 - steps_back] if steps_back is not None and len(past) > steps_back else None
        return (past[-longest:], steps_back), answer

    return Machine(start=((), None), step=step, symbols=tuple(range(task.ordinary_tokens)))


def _associative(task: AssociativeRecall) -> Machine:
    return _follower_machine(task.n_words, 1, first_recorded=0)


def _multi_key(task: MultiKeyRecall) -> Machine:
    return _follower_machine(task.n_words, task.key_length, first_recorded=task.key_length)


def _follower_machine(n_words: int, key_length: int, *, first_recorded: int) -> Machine:
    """State: the last key's tokens, how many tokens were read (up to those that matter), follower of each key."""
    most = max(first_recorded, key_length) + 1
    numbers = {key: place for place, key in enumerate(product(range(n_words), repeat=key_length))}

    def step(state: Any, token: Any) -> Move:
        recent, read, followers = state
        if read >= key_length and read - 1 >= first_recorded:
            key = numbers[recent]
            if followers[key] != token:
                followers = (*followers[:key], token, *followers[key + 1 :])
        recent = (*recent, token)[-key_length:]
        answer = followers[numbers[recent]] if len(recent) == key_length else None
        return (recent, read + 1 if read < most else most, followers), answer

    empty = (None,) * n_words**key_length
    return Machine(start=((), 0, empty), step=step, symbols=tuple(range(n_words)))


def _decoding(task: DecodingRecall) -> Machine:
    """Of the variant `last` the rows are words and then `n_bits` bits, and only the last position answers."""
    n_words, in_order = task.n_words, task.variant == "last"

    def step(state: Any, token: Any) -> Move:
        last, register, bits, followers = state
        if last is not None and last < n_words:
            followers = (*followers[:last], token, *followers[last + 1 :])
        if token >= n_words:
            register, bits = (2 * register + token - n_words) % n_words, bits + in_order
        elif bits:
            return None
        if bits > task.n_bits:
            return None
        scored = not in_order or bits == task.n_bits
        return (token, register, bits, followers), followers[register] if scored else None

    start = (None, 0, 0, (None,) * n_words)
    return Machine(start=start, step=step, symbols=tuple(range(n_words + 2)))


def _needle(task: Needle) -> Machine:
    """Rows hold one marker A with a word after it; marker B comes after that, and the state outlives it."""
    marker_a, marker_b = task.n_words, task.n_words + 1

    def step(state: Any, token: Any) -> Move:
        if state == "before":
            return {marker_a: ("marked", None), marker_b: None}.get(token, ("before", None))
        if state == "marked":
            return (token, token) if token < task.n_words else None
        return None if token == marker_a else (state, state)

    return Machine(start="before", step=step, symbols=tuple(range(task.ordinary_tokens)))


_MACHINES: Mapping[type, Callable[[Any], Machine]] = MappingProxyType(
    {
        SelectiveCopying: _copying,
        AssociativeRecall: _associative,
        MultiKeyRecall: _multi_key,
        DecodingRecall: _decoding,
        Needle: _needle,
    }
)
