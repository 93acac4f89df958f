"""What lookups of the field need: following back, hops, n-grams, positions, segments.

    following back   9' b a d c .. | . . . .              behind the number, each word is said again hops x 9 later
    n-grams          k0 k1 c d  k0 k2 a b | ? k0 k1 .     keys of some letters, contents of the others

Source: docs/theory.md, Theorem 2.12.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, permutations
from math import comb, perm
from types import MappingProxyType
from typing import Any

from plait.tasks import FollowBack, KHopInduction, NGramRetrieval, PositionRetrieval, SegmentedRecall
from plait.theory.families.family import MOST_KEYS, StateFamily, asked_family
from plait.theory.families.followers import distinct_behind, distinct_words, last_followers, rooted_trees
from plait.theory.families.n_grams import gram_families

_MOST_IN_ORDER, _MOST_PLACES, _MOST_PLACED = 7, 200, 1_000
"""Words all orders of which are listed, places that are filled (the checker's own limit), and words for them."""


def _back(task: FollowBack, seq_len: int) -> Iterator[StateFamily]:
    yield from back_families(task, seq_len, behind=0)


def back_families(task: FollowBack, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """Words and the largest number behind that number; or any tokens within its reach.

    `behind` so many words of filler, `seq_len` being what prefix and suffix may take.
    """
    largest = task.n_words + task.numbers.index(max(task.numbers))
    kinds = (
        (
            [largest],
            task.hops * max(task.numbers),
            [*range(task.n_words), largest],
            "words, or the largest number,",
        ),
        ([], max(task.numbers), range(task.ordinary_tokens), "tokens"),
    )
    for lead, furthest, values, what in kinds:
        most = min(furthest - behind, seq_len - len(lead) - 1)
        suffixes = [_back_reader(task, behind + back) for back in range(most, 0, -1)]  # from the furthest on
        longest = [0, *accumulate((len(suffix) for suffix in reversed(suffixes)), max)]
        kept = max((n for n in range(most + 1) if len(lead) + n + longest[n] <= seq_len), default=0)
        if kept:
            yield asked_family(
                f"{kept} {what} one after the other",
                base=[*lead, *[0] * kept],
                slots=range(len(lead), len(lead) + kept),
                suffixes=suffixes[most - kept :],
                values=values,
            )


def _back_reader(task: FollowBack, back: int) -> list[int]:
    """The suffix from whose end the hops lead to the token `back` places before the cut, the largest number being in
    force before it.

    a w w b w .. w     by b, the least number, to the last w before b; from there by a over the cut, a being the least
                       number that reaches far enough, and on by the largest
    """
    inside, rest = divmod(back - 1, max(task.numbers))
    over = min(number for number in task.numbers if number > rest)
    landing, before = over - rest - 1, task.hops - inside - 1
    names = {number: task.n_words + place for place, number in enumerate(task.numbers)}
    least = min(task.numbers)
    suffix = [names[over], *[0] * (landing + before * least)]
    if before:
        suffix[landing + 1] = names[least]
    return suffix


def _hops(task: KHopInduction, seq_len: int) -> Iterator[StateFamily]:
    """All trees of last followers: a word that was said in the suffix leads there, from there one hop to its follower
    in the prefix."""
    room = seq_len - 2 * task.hops + 1
    if task.n_words > task.hops and room >= 2:
        yield from last_followers(_hop_readers(task), room=room)


def hop_families(task: KHopInduction, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """The same with a given root, which is the filler's word; or distinct words without it."""
    room = seq_len - 2 * task.hops + 1
    if task.n_words > task.hops and room >= 2:
        readers = [suffixes[0] for suffixes in _hop_readers(task)]
        yield from rooted_trees(len(readers), readers, room, [0] * behind)
        yield from distinct_behind(len(readers), readers, room, [0] * behind)


def _hop_readers(task: KHopInduction) -> list[list[list[int]]]:
    """Of each word two suffixes that begin differently, for behind a word that was last comes what they begin with; one
    hop answers that word itself."""
    words = min(task.n_words, MOST_KEYS)
    several = (0, 1) if task.hops > 1 else (0,)
    return [[hop_reader(task, word, turn) for turn in several] for word in range(words)]


def hop_reader(task: KHopInduction, word: int, turn: int = 0) -> list[int]:
    """Words from whose last one `hops - 1` hops lead to `word`, in this suffix; the last hop leaves it.

    x          x asks itself: one hop
    z x z      from the last z to x, and from there
    z x y z y  from the last y to z, from there to x, and from there

    Args:
        turn: 1 for other words than those of 0.
    """
    helpers = [other for other in range(task.hops + 1) if other != word][turn : turn + task.hops - 1]
    if not helpers:
        return [word]
    text = [helpers[0], word]
    for nearer, further in zip(helpers[1:], helpers, strict=False):
        text += [nearer, further]
    return [*text, helpers[-1]]


def _positions(task: PositionRetrieval, seq_len: int) -> Iterator[StateFamily]:
    yield from position_families(task, seq_len, behind=0)


def position_families(task: PositionRetrieval, seq_len: int, *, behind: int) -> Iterator[StateFamily]:
    """Distinct words, or the name of a position for none, at all positions but the last: each word asks for itself
    behind the cut (`w ? w`), and one that the list lacks is found to stand there. Or all orders of some words.

    `behind` so many words of filler, `seq_len` being what prefix and suffix may take.
    """
    places = min(task.n_positions - 1 - behind, seq_len - 3, _MOST_PLACES)
    mark, words = task.n_words, min(task.n_words, _MOST_PLACED)
    if places > 0:
        yield StateFamily(
            description=f"which of {words} words, if any, stand at {places} positions",
            size=sum(comb(places, n) * perm(words, n) for n in range(places + 1)),
            prefix_length=places,
            suffixes=[[word, mark, word] for word in range(words)],
            queries=[(word, 2) for word in range(words)],
            codec={
                "kind": "placings",
                "words": list(range(words)),
                "blank": mark + 1,
                "reads": list(range(words)),
                "answers": [mark + 1 + place for place in range(places)],
            },
            answers=[mark + 1 + place for place in sorted({*range(places + 1), places + behind})],
        )
    words = min(task.n_positions, _MOST_IN_ORDER, seq_len - 2)
    if words > 1:
        yield StateFamily(
            description=f"the order of {words} words",
            size=len(orders := _orders(words)),
            prefix_length=words,
            suffixes=[[mark, word] for word in range(words)],
            queries=[(word, 1) for word in range(words)],
            codec={"kind": "list", "prefixes": orders},
        )


@lru_cache
def _orders(words: int) -> Sequence[Sequence[int]]:
    """The same at every reach."""
    return [list(order) for order in permutations(range(words))]


def _segments(task: SegmentedRecall, seq_len: int) -> Iterator[StateFamily]:
    """Any word behind any word: a word that was followed may be followed by any. Or distinct words."""
    words = min(task.n_words, (seq_len - 1) // 2, MOST_KEYS)
    if words:
        yield StateFamily(
            description=f"which of {words} words followed each of them first",
            size=words**words,
            prefix_length=2 * words,
            suffixes=[[word] for word in range(words)],
            queries=[(word, 0) for word in range(words)],
            codec={
                "kind": "functions",
                "words": list(range(words)),
                "reads": list(range(words)),
                "length": 2 * words,
            },
            answers=range(words),
        )
    if words < task.n_words:
        all_words = min(task.n_words, MOST_KEYS)
        yield from distinct_words(all_words, [[word] for word in range(all_words)], room=seq_len - 1)


LOOKUPS: Mapping[type, Callable[[Any, int], Iterator[StateFamily]]] = MappingProxyType(
    {
        FollowBack: _back,
        KHopInduction: _hops,
        NGramRetrieval: gram_families,
        PositionRetrieval: _positions,
        SegmentedRecall: _segments,
    }
)
