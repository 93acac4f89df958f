"""Selective copying behind a filler of g words: the tokens that numbers still reach behind it, and the latest number.

    contents   n  x x x x | 0 0 0 0 0     n an older number, x any token: (M + K)^(m - g) + (K - 1) M^(m - g) of them
    reading    m' 0 0 0 0                 the number token m' and words: one x after the other
               y  0 0 0 0 0               y = a or b: if n is the latest number, position n answers y

From g = m on only the number is left, K contents. If there are words enough the filler itself tells them apart: a
different word n places before the query for each n. Source: docs/theory.md, Theorem 11.3.
"""

from collections.abc import Iterator

from plait.tasks import SelectiveCopying
from plait.theory.families.family import StateFamily, Suffixes
from plait.theory.families.selective_copying import any_tokens, behind_a_number, older_number


def copying_families(task: SelectiveCopying, room: int, reach: int) -> Iterator[StateFamily]:
    """The families whose prefix and suffix fit into `room` tokens together, behind `reach >= 1` words."""
    left = max(task.numbers) - reach
    if left <= 0:
        yield from _latest_number(task, room, reach)
        return
    if task.n_words > 1 and len(task.numbers) > 1:
        yield from _states(task, room, reach)
    yield from _recent_tokens(task, room, reach)


def _latest_number(task: SelectiveCopying, room: int, reach: int) -> Iterator[StateFamily]:
    """Which number it was; all of them are at most `reach`."""
    words = task.n_words
    told = min(words, len(task.numbers))
    if room >= 2 and told > 1:
        filler = [0] * reach
        for index in range(told):
            filler[-task.numbers[index]] = index
        yield StateFamily(
            description=f"which of {told} numbers came last",
            size=told,
            prefix_length=1,
            suffixes=[[0]],
            queries=[(0, 0)],
            codec={
                "kind": "slots",
                "base": [words],
                "slots": [
                    {
                        "at": [0],
                        "values": [words + index for index in range(told)],
                        "reads": [0],
                        "answers": [[index] for index in range(told)],
                    }
                ],
            },
            answers=range(told),
            filler=filler,
        )
    marked = [index for index in range(len(task.numbers)) if task.numbers[index] <= room - 2]
    if words < 2 or len(marked) <= told:
        return
    asked = Suffixes()
    slot = older_number(task, marked, asked)
    yield StateFamily(
        description=f"which of {len(marked)} numbers came last",
        size=len(marked),
        prefix_length=1,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "slots", "base": [words], "slots": [slot]},
        filler=[0] * reach,
    )


def _states(task: SelectiveCopying, room: int, reach: int) -> Iterator[StateFamily]:
    """The tokens that the largest number still reaches, and the latest number where that is older than all of them."""
    words, largest = task.n_words, max(task.numbers)
    left, number = largest - reach, task.numbers.index(largest)
    others = [index for index in range(len(task.numbers)) if index != number]
    asked = Suffixes()
    older = older_number(task, others, asked)
    reads = [asked.ask([words + number] + [0] * (left - 1), position) for position in range(left)]
    if left + 1 + max(map(len, asked.suffixes)) > room:
        return
    tokens = words + len(task.numbers)
    yield StateFamily(
        description=f"{left} tokens that the number {largest} still reaches, and the latest number where it is older",
        size=tokens**left + len(others) * words**left,
        prefix_length=left + 1,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=behind_a_number([words + number] + [0] * left, older, reads),
        tables=[range(words), range(tokens)],
        filler=[0] * reach,
    )


def _recent_tokens(task: SelectiveCopying, room: int, reach: int) -> Iterator[StateFamily]:
    """As many of the last tokens before the filler as suffixes that fit can read."""
    words, best, cut = task.n_words, {}, 0
    for length in range(1, min(room, max(task.numbers) - reach + 1)):
        read: dict[int, tuple[int, int]] = {}
        for index, value in enumerate(task.numbers):
            for position in range(room - length):
                place = length + reach + position - value
                if 0 <= place < length:
                    read.setdefault(place, (index, position))
        if len(read) > len(best):
            best, cut = read, length
    if not best:
        return
    asked, codec = any_tokens(task, cut, best)
    tokens = words + len(task.numbers)
    yield StateFamily(
        description=f"{len(best)} of the {cut} tokens before the filler, each any word or number",
        size=tokens ** len(best),
        prefix_length=cut,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=codec,
        tables=[range(tokens)],
        answers=range(tokens),
        filler=[0] * reach,
    )
