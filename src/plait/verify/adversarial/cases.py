"""What the suites are made of, and the cases of the two lookups that plait constructs.

Selective copying: the control held long, the target at the window's edges, ties, and numbers everywhere. Decoding
recall: registers after long runs, matches at the window's edges, ties, near misses, bits everywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from plait.random import TEST, Stream
from plait.tasks import DecodingRecall, SelectiveCopying
from plait.theory.families.decoding_recall import spelled_word

_MOST_ROWS = 4096
"""Inputs of one case: of more, evenly many are left out."""

ADVERSARIAL = 2**20
"""First step of the stream that fills what a case leaves open: samples use the steps from 0."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Inputs of one kind, all of one length."""

    name: str
    tokens: Int[Tensor, "inputs time"]


def case(name: str, rows: Iterable[Sequence[int]], *, seq_len: int) -> list[Case]:
    """The rows, of any lengths, as cases of one length each; of rows longer than `seq_len` the end is kept."""
    by_length: dict[int, list[Sequence[int]]] = {}
    for row in rows:
        row = row[-seq_len:]
        if row:
            by_length.setdefault(len(row), []).append(row)
    return [
        Case(name=name, tokens=torch.tensor(_thinned(same), dtype=torch.int64)) for same in by_length.values()
    ]


def fillers(seed: int, step: int, shape: tuple[int, ...], tokens: Sequence[int]) -> Int[Tensor, "*shape"]:
    """Independent draws from `tokens`."""
    index = Stream(seed, ADVERSARIAL + step, TEST).integers(len(tokens), shape)
    return torch.tensor(list(tokens))[index]


def _thinned(rows: list[Sequence[int]]) -> list[Sequence[int]]:
    if len(rows) <= _MOST_ROWS:
        return rows
    return [rows[place * len(rows) // _MOST_ROWS] for place in range(_MOST_ROWS)]


PAIRS_OF_WORDS = 8
"""That are put at a distance from each other, for every number and distance."""


def copying_cases(task: SelectiveCopying, *, seq_len: int, seed: int) -> Iterator[Case]:
    """Selective copying: what its construction, or a shortcut, would stumble over."""
    words, numbers = range(task.n_words), range(task.n_words, task.ordinary_tokens)
    reach = max(task.numbers) + 1
    fill = fillers(seed, 0, (len(numbers), max(seq_len - 1, 0)), words).tolist()
    rows = [[number, *row] for number, row in zip(numbers, fill, strict=True)]
    yield from case("longest hold", rows, seq_len=seq_len)
    yield from case("longest hold of one word", _one_word(task, seq_len), seq_len=seq_len)
    yield from case("edges of the window", _marked(task, {reach - 2, reach - 1, reach}), seq_len=seq_len)
    yield from case("ties at every distance", _marked(task, set(range(reach + 2))), seq_len=seq_len)
    yield from case("numbers as targets", _numbers_only(task, seed), seq_len=seq_len)
    around = fillers(seed, 1, (len(numbers) ** 2, 2 * reach + 2), words).tolist()
    pairs = ((one, other) for one in numbers for other in numbers)
    back_to_back = (
        [*row[:reach], one, other, *row[reach:]] for (one, other), row in zip(pairs, around, strict=True)
    )
    yield from case("every pair of numbers back to back", back_to_back, seq_len=seq_len)
    if seq_len > max(task.numbers):
        yield from _shifted(task, seq_len=seq_len, seed=seed)


def _one_word(task: SelectiveCopying, seq_len: int) -> Iterator[list[int]]:
    for number in range(task.n_words, task.ordinary_tokens):
        for word in (0, task.n_words - 1):
            yield [number] + [word] * (seq_len - 1)


def _marked(task: SelectiveCopying, distances: set[int]) -> Iterator[list[int]]:
    """One word everywhere but for another at a distance from the end; the number stands before all of them."""
    reach = max(task.numbers) + 1
    count = min(task.n_words, PAIRS_OF_WORDS)
    pairs = [
        (place * task.n_words // count, (place * task.n_words // count + 1) % task.n_words)
        for place in range(count)
    ]
    for number in range(task.n_words, task.ordinary_tokens):
        for distance in sorted(distances):
            for common, mark in pairs:
                row = [common] * (reach + 2)
                row[len(row) - 1 - distance] = mark
                yield [number, *row]


def _numbers_only(task: SelectiveCopying, seed: int) -> Iterator[list[int]]:
    numbers, reach = range(task.n_words, task.ordinary_tokens), max(task.numbers) + 1
    for number in numbers:
        yield [number] * (2 * reach)
        for other in (0, *numbers):
            yield [number, other] * reach
            yield [other, *[number] * reach, *[0] * reach]
    yield from fillers(seed, 2, (256, 3 * reach), numbers).tolist()
    yield from fillers(seed, 3, (256, 3 * reach), range(task.ordinary_tokens)).tolist()


def _shifted(task: SelectiveCopying, *, seq_len: int, seed: int) -> Iterator[Case]:
    for step, (name, other) in enumerate(
        (
            ("numbers rare", replace(task, p_number=0.03)),
            ("numbers frequent", replace(task, p_number=0.8)),
            ("adversarial mixture", replace(task, variant="adversarial")),
            ("repeated words", replace(task, variant="repetitive")),
        )
    ):
        tokens = other.sample(Stream(seed, ADVERSARIAL + 8 + step, TEST), batch=64, seq_len=seq_len)
        yield Case(name=name, tokens=tokens)
    for step, words in enumerate(((0,), (task.n_words - 1,), range(task.n_words // 2, task.n_words))):
        choice = [*words, *range(task.n_words, task.ordinary_tokens)]
        yield Case(name="words shifted", tokens=fillers(seed, 16 + step, (64, seq_len), choice))


MOST_REGISTERS = 64
_RUN = 40
"""Bits of a run: older ones weigh less than any rounding."""


def recall_cases(task: DecodingRecall, *, seq_len: int, window: int, seed: int) -> Iterator[Case]:
    """Decoding recall: the same, for a model whose last attention sees `window` tokens."""
    words = range(task.n_words)
    chosen = _registers(task)
    fill = fillers(seed, 0, (len(chosen), max(seq_len - task.n_bits, 0)), words).tolist()
    holds = ([*spelled_word(task, word), *row] for word, row in zip(chosen, fill, strict=True))
    yield from case("longest hold", holds, seq_len=seq_len)
    yield from case("registers after runs", _after_runs(task, seed), seq_len=seq_len)
    edges = sorted({1, 2, window - 2, window - 1, window, window + 1} & set(range(1, seq_len)))
    yield from case("edges of the window", _matched(task, edges, seed), seq_len=seq_len)
    yield from case("ties at every distance", _tied(task, min(window, 32), seed), seq_len=seq_len)
    yield from case("near misses", _near_misses(task, seed), seq_len=seq_len)
    yield from case("bits as targets", _bits_as_targets(task, seed), seq_len=seq_len)
    yield from case("every word beside every bit", _beside_bits(task), seq_len=seq_len)
    if task.variant == "interleaved":
        yield from _other_proportions(task, seq_len=seq_len, seed=seed)


def _registers(task: DecodingRecall) -> list[int]:
    """All zeros, all ones, alternating, their neighbours, and others evenly."""
    last = task.n_words - 1
    alternating = int("01" * task.n_bits, 2) & last
    first = [0, last, alternating, last - alternating, 1 % task.n_words, last - 1, task.n_words // 2]
    count = min(task.n_words, MOST_REGISTERS)
    return list(dict.fromkeys((*first, *(place * task.n_words // count for place in range(count)))))


def _after_runs(task: DecodingRecall, seed: int) -> Iterator[list[int]]:
    zero, one = task.n_words, task.n_words + 1
    chosen = _registers(task)
    runs = ([zero] * _RUN, [one] * _RUN, [zero, one] * (_RUN // 2), [one, zero] * (_RUN // 2), [])
    fill = fillers(seed, 1, (len(chosen) * len(runs), task.n_words + 8), range(task.n_words)).tolist()
    for place, word in enumerate(chosen):
        for number, run in enumerate(runs):
            row = fill[place * len(runs) + number]
            yield [word, row[0], *run, *spelled_word(task, word), *row]
            yield [*run, word, row[0], *spelled_word(task, word), *row]


def _matched(task: DecodingRecall, distances: list[int], seed: int) -> Iterator[list[int]]:
    """Register, then the word once, what follows it so far before the end, among words that are others."""
    for place, word in enumerate(_registers(task)):
        others = [other for other in range(task.n_words) if other != word]
        if not others:
            return
        for distance in distances:
            row = fillers(seed, 2 + place, (distance + 3,), others).tolist()
            row[1] = word
            yield [*spelled_word(task, word), *row]


def _tied(task: DecodingRecall, reach: int, seed: int) -> Iterator[list[int]]:
    """The word twice, followed by different tokens, at every distance from each other."""
    for place, word in enumerate(_registers(task)[:8]):
        others = [other for other in range(task.n_words) if other != word]
        if not others:
            return
        for apart in range(1, reach):
            row = fillers(seed, 128 + place, (reach + 4,), others).tolist()
            row[0] = row[apart] = word
            yield [*spelled_word(task, word), *row]


def _near_misses(task: DecodingRecall, seed: int) -> Iterator[list[int]]:
    """The word's neighbours on the circle, and words that differ in one bit, after the word itself."""
    for place, word in enumerate(_registers(task)):
        near = {(word + step) % task.n_words for step in (-2, -1, 1, 2)}
        near |= {word ^ 1 << bit for bit in range(task.n_bits)}
        row = fillers(seed, 256 + place, (24,), sorted(near - {word}) or [word]).tolist()
        yield [*spelled_word(task, word), word, *row]
        yield [word, *row[:8], *spelled_word(task, word), *row[8:]]


def _bits_as_targets(task: DecodingRecall, seed: int) -> Iterator[list[int]]:
    bits = (task.n_words, task.n_words + 1)
    for place, word in enumerate(_registers(task)):
        row = fillers(seed, 384 + place, (12,), range(task.n_words)).tolist()
        for bit in bits:
            yield [word, bit, *spelled_word(task, word), *row]
            yield [*spelled_word(task, word), word, bit, *spelled_word(task, word)]
    yield from fillers(seed, 512, (256, 64), bits).tolist()
    yield from fillers(seed, 513, (256, 64), [*bits, 0, task.n_words - 1]).tolist()


def _beside_bits(task: DecodingRecall) -> Iterator[list[int]]:
    for word in _registers(task):
        for bit in (task.n_words, task.n_words + 1):
            yield [word, bit] * (task.n_bits + 4)
            yield [word, word, bit, *spelled_word(task, word), word, word, bit]


def _other_proportions(task: DecodingRecall, *, seq_len: int, seed: int) -> Iterator[Case]:
    for step, p_bit in enumerate((0.05, 0.5, 0.8, 0.95)):
        stream = Stream(seed, ADVERSARIAL + 600 + step, TEST)
        tokens = replace(task, p_bit=p_bit).sample(stream, batch=64, seq_len=seq_len)
        yield Case(name=f"bits at proportion {p_bit}", tokens=tokens)
    for step, words in enumerate(((0,), (task.n_words - 1,), (0, task.n_words - 1))):
        choice = [*words, task.n_words, task.n_words + 1]
        yield Case(name="words shifted", tokens=fillers(seed, 616 + step, (64, seq_len), choice))
