"""Selective copying: the last m tokens, and the latest number if it is older (m is the largest number).

    contents   n  x x x x x x x x x     n an older number, x any token: (M + K)^m + (K - 1) M^m of them
    reading    m' w w w w w w w w       the number token m' and words: one x after the other
               y  w w w w w w w w       y = a or b: if n is the latest number, position n answers y

Source: docs/theory.md, Theorem 2.5.
"""

from collections.abc import Iterator, Mapping

from plait.tasks import SelectiveCopying
from plait.theory.families.family import MOST_LENGTH, StateFamily, Suffixes


def selective_copying_families(task: SelectiveCopying, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    m = max(task.numbers)
    if 2 * m + 1 > MOST_LENGTH and (seq_len is None or seq_len > MOST_LENGTH):
        return
    if task.n_words > 1 and len(task.numbers) > 1 and (seq_len is None or seq_len >= 2 * m + 1):
        yield _states(task)
    recent = _recent_tokens(task, 2 * m if seq_len is None else min(seq_len, 2 * m))
    if recent is not None:
        yield recent


def _recent_tokens(task: SelectiveCopying, seq_len: int) -> StateFamily | None:
    """As many of the last tokens, freely chosen, as suffixes that fit can read."""
    best: tuple[int, int, dict[int, tuple[int, int]]] = (0, 0, {})
    for cut in range(max(1, seq_len - max(task.numbers)), min(seq_len - 1, max(task.numbers)) + 1):
        left = seq_len - cut
        read = {}
        for index, value in enumerate(task.numbers):
            for position in range(min(left, value) if value <= cut else 0):
                read.setdefault(cut - value + position, (index, position))
        best = max(best, (len(read), -cut, read), key=lambda entry: entry[:2])
    count, negative_cut, read = best
    if not count:
        return None
    cut = -negative_cut
    asked, codec = any_tokens(task, cut, read)
    tokens = task.n_words + len(task.numbers)
    return StateFamily(
        description=f"{count} of the last {cut} tokens before the cut, each any word or number",
        size=tokens**count,
        prefix_length=cut,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=codec,
        tables=[range(tokens)],
        answers=range(tokens),
    )


def _states(task: SelectiveCopying) -> StateFamily:
    """Every state: the last m tokens, and the latest number where it is older."""
    words, m = task.n_words, max(task.numbers)
    largest = task.numbers.index(m)
    others = [index for index in range(len(task.numbers)) if index != largest]
    asked = Suffixes()
    reads = [asked.ask([words + largest] + [0] * (m - 1), position) for position in range(m)]
    # A value as a row of one token: so it has stood in certificates from the first on.
    older = older_number(task, others, asked) | {"values": [[words + index] for index in others]}
    return StateFamily(
        description=f"the last {m} tokens, and the latest number where it is older",
        size=(words + len(task.numbers)) ** m + len(others) * words**m,
        prefix_length=m + 1,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=behind_a_number([words + largest] + [0] * m, older, reads),
        tables=[range(words), range(words + len(task.numbers))],
    )


def older_number(task: SelectiveCopying, indices: list[int], asked: Suffixes) -> dict[str, object]:
    """The slot of an older number at the start of a prefix, told by two marks that come back n places later."""
    longest = max(task.numbers[index] for index in indices)
    marks = [[y] + [0] * longest for y in (0, 1)]
    reads = [asked.ask(mark, task.numbers[index]) for index in indices for mark in marks]
    rows = [[y if index == other else None for other in indices for y in (0, 1)] for index in indices]
    values = [task.n_words + index for index in indices]
    return {"at": [0], "values": values, "reads": reads, "answers": rows}


def behind_a_number(base: list[int], older: dict[str, object], reads: list[int]) -> dict[str, object]:
    """The codec of contents behind the first token: any words and an older number, or any tokens and the base's."""
    contents = [
        [{"at": [1 + i], "values": table, "reads": [read]} for i, read in enumerate(reads)]
        for table in (0, 1)
    ]
    parts = [{"base": base, "slots": [older, *contents[0]]}, {"base": base, "slots": contents[1]}]
    return {"kind": "union", "parts": parts}


def any_tokens(
    task: SelectiveCopying, cut: int, read: Mapping[int, tuple[int, int]]
) -> tuple[Suffixes, dict[str, object]]:
    """The suffixes and the codec of tokens chosen freely among `cut`.

    Args:
        read: for each of their places, the index of the number that reads it, and at which position of its suffix.
    """
    asked, slots = Suffixes(), list[dict[str, object]]()
    for place, (index, position) in sorted(read.items()):
        longest = max(p for i, p in read.values() if i == index)
        query = asked.ask([task.n_words + index] + [0] * longest, position)
        slots.append({"at": [place], "values": 0, "reads": [query]})
    return asked, {"kind": "slots", "base": [0] * cut, "slots": slots}
