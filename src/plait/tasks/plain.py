"""One row of a task in Python's integers: the first that its sampler draws, for where torch would be slow to import."""

from collections.abc import Callable
from dataclasses import dataclass

from plait.checks import check_integer
from plait.random import TEST, plain_bits
from plait.tasks.associative_recall import AssociativeRecall
from plait.tasks.base import Task
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.mqar import MQAR
from plait.tasks.multi_key_recall import MultiKeyRecall
from plait.tasks.needle import Needle
from plait.tasks.selective_copying import SelectiveCopying


@dataclass(frozen=True)
class _Draws:
    """The draws of `Stream(seed, 0, TEST)` for a batch of one."""

    seed: int

    def bits(self, n: int, draw: int) -> list[int]:
        return plain_bits(self.seed, n, purpose=TEST, draw=draw)

    def integers(self, below: int, n: int, draw: int) -> list[int]:
        return [bits * below >> 32 for bits in self.bits(n, draw)]

    def bernoulli(self, p: float, n: int, draw: int) -> list[bool]:
        return [bits < round(p * 2**32) for bits in self.bits(n, draw)]


LONGEST_ROW = 2**14
"""Longer ones are for tensors, which are faster and refuse what no memory holds."""


def drawn_row(task: Task, *, seed: int, seq_len: int) -> list[int] | None:
    """The row of `task.sample(Stream(seed, 0, TEST), batch=1, seq_len=seq_len)`.

    None for a task, a variant or a length that is not drawn here.

    Raises:
        ValueError: a seed outside [0, 2^63).
    """
    check_integer("seed", seed, least=0, most=2**63 - 1)
    draw = _ROWS.get(type(task))
    return None if draw is None or not 1 <= seq_len <= LONGEST_ROW else draw(task, _Draws(seed), seq_len)


def _copying(task: SelectiveCopying, draws: _Draws, time: int) -> list[int] | None:
    if task.variant != "uniform" or time <= max(task.numbers):
        return None
    return _words_and_marks(draws, draws.bernoulli(task.p_number, time, 0), task.n_words, len(task.numbers))


def _decoding(task: DecodingRecall, draws: _Draws, time: int) -> list[int] | None:
    if task.variant != "interleaved":
        return None
    return _words_and_marks(draws, draws.bernoulli(task.p_bit, time, 0), task.n_words, 2)


def _words(task: AssociativeRecall | MultiKeyRecall, draws: _Draws, time: int) -> list[int]:
    return draws.integers(task.n_words, time, 0)


def _needle(task: Needle, draws: _Draws, time: int) -> list[int] | None:
    if time < 3:
        return None
    row = draws.integers(task.n_words, time, 0)
    (place,) = draws.integers(time // 2, 1, 1)
    row[place], row[-1] = task.n_words, task.n_words + 1
    return row


def _mqar(task: MQAR, draws: _Draws, time: int) -> list[int] | None:
    n, behind = task.n_pairs, time - 2 * task.n_pairs
    if behind < 1:
        return None
    if task.variant == "distinct":
        words = draws.bits(task.n_keys, 0)
        keys = sorted(range(task.n_keys), key=words.__getitem__)[:n]
    else:
        keys = draws.integers(task.n_keys, n, 0)
    values = draws.integers(task.n_values, n, 1)
    asked, fillers = draws.integers(n, behind, 2), draws.integers(task.n_fillers, behind, 3)
    rest = task.n_keys + task.n_values
    query = draws.bernoulli(task.p_query, behind, 4)
    pairs = [token for key, value in zip(keys, values, strict=True) for token in (key, value + task.n_keys)]
    return pairs + [keys[a] if q else f + rest for q, a, f in zip(query, asked, fillers, strict=True)]


def _words_and_marks(draws: _Draws, mark: list[bool], n_words: int, n_marks: int) -> list[int]:
    bits = draws.bits(len(mark), 1)
    return [
        n_words + (bit * n_marks >> 32) if is_mark else bit * n_words >> 32
        for bit, is_mark in zip(bits, mark, strict=True)
    ]


_Row = Callable[..., list[int] | None]

_ROWS: dict[type, _Row] = {
    SelectiveCopying: _copying,
    DecodingRecall: _decoding,
    AssociativeRecall: _words,
    MultiKeyRecall: _words,
    Needle: _needle,
    MQAR: _mqar,
}
