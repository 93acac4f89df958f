"""Decoding recall: registers after long runs, matches at the window's edges, ties, near misses, bits everywhere."""

from collections.abc import Iterator
from dataclasses import replace

from plait.random import TEST, Stream
from plait.tasks import DecodingRecall
from plait.verify.adversarial.cases import ADVERSARIAL, Case, case, fillers

MOST_REGISTERS = 64
RUN = 40
"""Bits of a run: older ones weigh less than any rounding."""


def recall_cases(task: DecodingRecall, *, seq_len: int, window: int, seed: int) -> Iterator[Case]:
    words = range(task.n_words)
    chosen = _registers(task)
    fill = fillers(seed, 0, (len(chosen), max(seq_len - task.n_bits, 0)), words).tolist()
    holds = ([*_bits(task, word), *row] for word, row in zip(chosen, fill, strict=True))
    yield from case("longest hold", holds, seq_len=seq_len)
    yield from case("registers after runs", _after_runs(task, seed), seq_len=seq_len)
    edges = sorted({1, 2, window - 2, window - 1, window, window + 1} & set(range(1, seq_len)))
    yield from case("edges of the window", _matched(task, edges, seed), seq_len=seq_len)
    yield from case("ties at every distance", _tied(task, min(window, 32), seed), seq_len=seq_len)
    yield from case("near misses", _near_misses(task, seed), seq_len=seq_len)
    yield from case("bits as targets", _bits_as_targets(task, seed), seq_len=seq_len)
    yield from case("every word beside every bit", _beside_bits(task), seq_len=seq_len)
    if task.variant == "interleaved":
        yield from _shifted(task, seq_len=seq_len, seed=seed)


def _bits(task: DecodingRecall, word: int) -> list[int]:
    """The tokens that spell the word, first bit highest."""
    return [task.n_words + (word >> place & 1) for place in reversed(range(task.n_bits))]


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
    runs = ([zero] * RUN, [one] * RUN, [zero, one] * (RUN // 2), [one, zero] * (RUN // 2), [])
    fill = fillers(seed, 1, (len(chosen) * len(runs), task.n_words + 8), range(task.n_words)).tolist()
    for place, word in enumerate(chosen):
        for number, run in enumerate(runs):
            row = fill[place * len(runs) + number]
            yield [word, row[0], *run, *_bits(task, word), *row]
            yield [*run, word, row[0], *_bits(task, word), *row]


def _matched(task: DecodingRecall, distances: list[int], seed: int) -> Iterator[list[int]]:
    """Register, then the word once, what follows it so far before the end, among words that are others."""
    for place, word in enumerate(_registers(task)):
        others = [other for other in range(task.n_words) if other != word]
        if not others:
            return
        for distance in distances:
            row = fillers(seed, 2 + place, (distance + 3,), others).tolist()
            row[1] = word
            yield [*_bits(task, word), *row]


def _tied(task: DecodingRecall, reach: int, seed: int) -> Iterator[list[int]]:
    """The word twice, followed by different tokens, at every distance from each other."""
    for place, word in enumerate(_registers(task)[:8]):
        others = [other for other in range(task.n_words) if other != word]
        if not others:
            return
        for apart in range(1, reach):
            row = fillers(seed, 128 + place, (reach + 4,), others).tolist()
            row[0] = row[apart] = word
            yield [*_bits(task, word), *row]


def _near_misses(task: DecodingRecall, seed: int) -> Iterator[list[int]]:
    """The word's neighbours on the circle, and words that differ in one bit, after the word itself."""
    for place, word in enumerate(_registers(task)):
        near = {(word + step) % task.n_words for step in (-2, -1, 1, 2)}
        near |= {word ^ 1 << bit for bit in range(task.n_bits)}
        row = fillers(seed, 256 + place, (24,), sorted(near - {word}) or [word]).tolist()
        yield [*_bits(task, word), word, *row]
        yield [word, *row[:8], *_bits(task, word), *row[8:]]


def _bits_as_targets(task: DecodingRecall, seed: int) -> Iterator[list[int]]:
    bits = (task.n_words, task.n_words + 1)
    for place, word in enumerate(_registers(task)):
        row = fillers(seed, 384 + place, (12,), range(task.n_words)).tolist()
        for bit in bits:
            yield [word, bit, *_bits(task, word), *row]
            yield [*_bits(task, word), word, bit, *_bits(task, word)]
    yield from fillers(seed, 512, (256, 64), bits).tolist()
    yield from fillers(seed, 513, (256, 64), [*bits, 0, task.n_words - 1]).tolist()


def _beside_bits(task: DecodingRecall) -> Iterator[list[int]]:
    for word in _registers(task):
        for bit in (task.n_words, task.n_words + 1):
            yield [word, bit] * (task.n_bits + 4)
            yield [word, word, bit, *_bits(task, word), word, word, bit]


def _shifted(task: DecodingRecall, *, seq_len: int, seed: int) -> Iterator[Case]:
    for step, p_bit in enumerate((0.05, 0.5, 0.8, 0.95)):
        stream = Stream(seed, ADVERSARIAL + 600 + step, TEST)
        tokens = replace(task, p_bit=p_bit).sample(stream, batch=64, seq_len=seq_len)
        yield Case(name=f"bits at proportion {p_bit}", tokens=tokens)
    for step, words in enumerate(((0,), (task.n_words - 1,), (0, task.n_words - 1))):
        choice = [*words, task.n_words, task.n_words + 1]
        yield Case(name="words shifted", tokens=fillers(seed, 616 + step, (64, seq_len), choice))
