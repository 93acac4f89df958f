"""Selective copying: the control held long, the target at the window's edges, ties, and numbers everywhere."""

from collections.abc import Iterator
from dataclasses import replace

from plait.random import TEST, Stream
from plait.tasks import SelectiveCopying
from plait.verify.adversarial.cases import ADVERSARIAL, Case, case, fillers

PAIRS_OF_WORDS = 8


def copying_cases(task: SelectiveCopying, *, seq_len: int, seed: int) -> Iterator[Case]:
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
