"""One row of a task in Python's integers: the first that its sampler draws, for where torch would be slow to import."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from plait.checks import check_integer
from plait.random import TEST, plain_bits
from plait.tasks.associative_recall import AssociativeRecall
from plait.tasks.base import Task
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.dyck import Dyck
from plait.tasks.flip_counting import FlipCounting
from plait.tasks.follow_back import FollowBack
from plait.tasks.fuzzy_recall import FuzzyRecall
from plait.tasks.k_hop_induction import KHopInduction
from plait.tasks.matrix_lookup import MatrixLookup
from plait.tasks.modular_counting import ModularCounting
from plait.tasks.mqar import MQAR
from plait.tasks.multi_key_recall import MultiKeyRecall
from plait.tasks.n_gram_retrieval import NGramRetrieval
from plait.tasks.needle import Needle
from plait.tasks.noisy_recall import NoisyRecall
from plait.tasks.position_retrieval import PositionRetrieval
from plait.tasks.segmented_recall import SegmentedRecall
from plait.tasks.selective_copying import SelectiveCopying
from plait.tasks.string_copying import StringCopying


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


def _copying(task: SelectiveCopying | FollowBack, draws: _Draws, time: int) -> list[int] | None:
    if time <= max(task.numbers) or (isinstance(task, SelectiveCopying) and task.variant != "uniform"):
        return None
    return _words_and_marks(draws, draws.bernoulli(task.p_number, time, 0), task.n_words, len(task.numbers))


def _decoding(task: DecodingRecall, draws: _Draws, time: int) -> list[int] | None:
    if task.variant != "interleaved":
        return None
    return _words_and_marks(draws, draws.bernoulli(task.p_bit, time, 0), task.n_words, 2)


def _words(task: AssociativeRecall | MultiKeyRecall | KHopInduction, draws: _Draws, time: int) -> list[int]:
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
    keys = (
        _ordered(draws, task.n_keys)[:n] if task.variant == "distinct" else draws.integers(task.n_keys, n, 0)
    )
    values = draws.integers(task.n_values, n, 1)
    asked, fillers = draws.integers(n, behind, 2), draws.integers(task.n_fillers, behind, 3)
    rest = task.n_keys + task.n_values
    query = draws.bernoulli(task.p_query, behind, 4)
    pairs = [token for key, value in zip(keys, values, strict=True) for token in (key, value + task.n_keys)]
    return pairs + [keys[a] if q else f + rest for q, a, f in zip(query, asked, fillers, strict=True)]


def _fuzzy(task: FuzzyRecall, draws: _Draws, time: int) -> list[int]:
    n = task.n_letters
    return _words_and_marks(draws, draws.bernoulli(task.p_value, time, 0), n, n)


def _noisy(task: NoisyRecall, draws: _Draws, time: int) -> list[int]:
    return _words_and_marks(draws, draws.bernoulli(task.p_noise, time, 0), task.n_words, task.n_noise)


def _segmented(task: SegmentedRecall, draws: _Draws, time: int) -> list[int]:
    return _words_and_marks(draws, draws.bernoulli(task.p_end, time, 0), task.n_words, 1)


def _dyck(task: Dyck, draws: _Draws, time: int) -> list[int]:
    most = task.depth
    free = accumulate(2 * up - 1 for up in draws.integers(2, time, 0))
    row: list[int] = []
    open_kinds: list[int] = []
    for place, kind in zip(free, draws.integers(task.n_kinds, time, 1), strict=True):
        if most - abs(most - place % (2 * most)) > len(open_kinds):
            open_kinds.append(kind)
            row.append(2 * kind)
        else:
            row.append(2 * open_kinds.pop() + 1)
    return row


def _flips(task: FlipCounting, draws: _Draws, time: int) -> list[int]:
    flips = draws.integers(2, 1, 1) + draws.bernoulli(task.p_flip, time, 0)[1:]
    return [flipped % 2 for flipped in accumulate(flips)]


def _digits(task: ModularCounting, draws: _Draws, time: int) -> list[int]:
    return draws.integers(task.modulus, time, 0)


def _matrix(task: MatrixLookup, draws: _Draws, time: int) -> list[int] | None:
    rows, columns = task.rows, task.columns
    behind = time - rows * (columns + 1)
    if behind < 2:
        return None
    words = draws.integers(task.n_words, rows * columns, 0)
    matrix = [w for at in range(0, len(words), columns) for w in (*words[at : at + columns], task.n_words)]
    first = task.n_words + 1
    asked = zip(draws.integers(rows, behind, 1), draws.integers(columns, behind, 2), strict=True)
    return matrix + [first + (rows + column if at % 2 else row) for at, (row, column) in enumerate(asked)]


def _n_grams(task: NGramRetrieval, draws: _Draws, time: int) -> list[int] | None:
    n, half = task.n, time // 2
    if half < 2 * n:
        return None
    row = draws.integers(task.n_words, half, 0)
    for start in draws.integers(half - 2 * n + 1, -(-(time - half) // (2 * n + 1)), 1):
        row += [task.n_words, *row[start : start + 2 * n]]
    row = row[:time]
    answers = list(task.answers(row))
    return row[:1] + [t if a is None else a for t, a in zip(row[1:], answers[:-1], strict=True)]


def _positions(task: PositionRetrieval, draws: _Draws, time: int) -> list[int] | None:
    n = task.n_positions
    if time < n + 2:
        return None
    listed = _ordered(draws, task.n_words)[:n]
    return [*listed, task.n_words, *(listed[place] for place in draws.integers(n, time - n - 1, 1))]


def _copied(task: StringCopying, draws: _Draws, time: int) -> list[int] | None:
    if time < 2:
        return None
    string = draws.integers(task.n_words, (time + 1) // 2, 0)
    return [*string, task.n_words, *string][:time]


def _ordered(draws: _Draws, n: int) -> list[int]:
    """`n` numbers in the order that draw 0 gives them."""
    return sorted(range(n), key=draws.bits(n, 0).__getitem__)


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
    FollowBack: _copying,
    KHopInduction: _words,
    FuzzyRecall: _fuzzy,
    NoisyRecall: _noisy,
    SegmentedRecall: _segmented,
    Dyck: _dyck,
    FlipCounting: _flips,
    ModularCounting: _digits,
    MatrixLookup: _matrix,
    NGramRetrieval: _n_grams,
    PositionRetrieval: _positions,
    StringCopying: _copied,
}
