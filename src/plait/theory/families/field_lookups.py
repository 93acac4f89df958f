"""What lookups of the field need: following back, hops, n-grams, positions, segments.

    following back   9' b a d c .. | . . . .              behind the number, each word is said again hops x 9 later
    n-grams          k0 k1 c d  k0 k2 a b | ? k0 k1 .     keys of some letters, contents of the others

Source: docs/theory.md, Theorem 2.12.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations
from math import log2
from types import MappingProxyType
from typing import Any

from plait.tasks import FollowBack, KHopInduction, NGramRetrieval, PositionRetrieval, SegmentedRecall
from plait.theory.families.family import MOST_KEYS, StateFamily
from plait.theory.families.followers import rooted_trees
from plait.theory.families.slots import table_family

_MOST_IN_ORDER = 7
"""Words all orders of which are listed."""


def _back(task: FollowBack, seq_len: int) -> Iterator[StateFamily]:
    yield from back_family(task, seq_len, behind=0)


def back_family(task: FollowBack, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """Words behind the largest number, each said again where that number was followed so often; `behind` so many
    words, `seq_len` being what prefix and suffix may take."""
    far = max(task.numbers) * task.hops
    words = min(far - behind, seq_len + behind - 1 - far)
    if words >= 1:
        number = task.n_words + task.numbers.index(max(task.numbers))
        first = far - behind - words  # of the suffix, where the first word is said again
        yield table_family(
            f"{words} words",
            base=[number, *[0] * words],
            slots=range(1, words + 1),
            suffix=[0] * (first + words),
            reads=range(first, first + words),
            values=range(task.n_words),
        )


def _hops(task: KHopInduction, seq_len: int) -> Iterator[StateFamily]:
    """All trees of last followers: a word that was said in the suffix leads there, from there one hop to its follower
    in the prefix."""
    if task.n_words <= task.hops:
        return
    words = min(task.n_words, max(seq_len, task.hops + 1), MOST_KEYS)  # more do not fit
    room = seq_len - 2 * task.hops + 1
    if room >= 2:
        readers = [hop_reader(task, word) for word in range(words)]
        yield from rooted_trees(words, readers, room, [])


def hop_reader(task: KHopInduction, word: int) -> list[int]:
    """Words from whose last one `hops - 1` hops lead to `word`, in this suffix; the last hop leaves it.

    x          x asks itself: one hop
    z x z      from the last z to x, and from there
    z x y z y  from the last y to z, from there to x, and from there
    """
    helpers = [other for other in range(task.hops) if other != word][: task.hops - 1]
    if not helpers:
        return [word]
    text = [helpers[0], word]
    for nearer, further in zip(helpers[1:], helpers, strict=False):
        text += [nearer, further]
    return [*text, helpers[-1]]


def _grams(task: NGramRetrieval, seq_len: int) -> Iterator[StateFamily]:
    """Keys of `n` letters out of some, each followed by `n` of the others; what is best is chosen."""
    n, most = task.n, max(0, seq_len - 2 * task.n) // (2 * task.n)

    def bits(letters: int) -> float:
        return min(most, letters**n) * n * log2(task.n_words - letters)

    letters = max(range(1, min(task.n_words, most + 1)), key=bits, default=0)  # more write no more keys
    if not letters or not bits(letters):
        return
    keys = [
        [number // letters**place % letters for place in range(n)] for number in range(min(most, letters**n))
    ]
    answers = range(letters, task.n_words)
    yield StateFamily(
        description=f"the {n} words behind each of {len(keys)} keys",
        size=len(answers) ** (n * len(keys)),
        prefix_length=2 * n * len(keys),
        suffixes=[[task.n_words, *key, *[letters] * (n - 1)] for key in keys],
        queries=[(number, n + place) for number in range(len(keys)) for place in range(n)],
        codec={
            "kind": "slots",
            "base": [token for key in keys for token in (*key, *[letters] * n)],
            "slots": [
                {"at": [2 * n * number + n + place], "values": 0, "reads": [n * number + place]}
                for number in range(len(keys))
                for place in range(n)
            ],
        },
        tables=[answers],
        answers=answers,
    )


def _positions(task: PositionRetrieval, seq_len: int) -> Iterator[StateFamily]:
    words = min(task.n_positions, _MOST_IN_ORDER, (seq_len - 1) // 2)
    if words > 1:
        yield StateFamily(
            description=f"the order of {words} words",
            size=len(orders := _orders(words)),
            prefix_length=words,
            suffixes=[[task.n_words, *range(words)]],
            queries=[(0, 1 + place) for place in range(words)],
            codec={"kind": "list", "prefixes": orders},
        )


@lru_cache
def _orders(words: int) -> Sequence[Sequence[int]]:
    """The same at every reach."""
    return [list(order) for order in permutations(range(words))]


def _segments(task: SegmentedRecall, seq_len: int) -> Iterator[StateFamily]:
    """Behind each new word any of those said so far, which follow nothing first any more."""
    words = min(task.n_words, seq_len // 3)  # a word, what it follows, and the word again
    size = 1
    for word in range(words):
        size *= word + 1
    yield StateFamily(
        description=f"what followed each of {words} words first",
        size=size,
        prefix_length=2 * words,
        suffixes=[range(words)],
        queries=[(0, word) for word in range(words)],
        codec={
            "kind": "slots",
            "base": [token for word in range(words) for token in (word, 0)],
            "slots": [{"at": [2 * word + 1], "values": word, "reads": [word]} for word in range(words)],
        },
        tables=[range(word + 1) for word in range(words)],
        answers=range(words),
    )


LOOKUPS: Mapping[type, Callable[[Any, int], Iterator[StateFamily]]] = MappingProxyType(
    {
        FollowBack: _back,
        KHopInduction: _hops,
        NGramRetrieval: _grams,
        PositionRetrieval: _positions,
        SegmentedRecall: _segments,
    }
)
