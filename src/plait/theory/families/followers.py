"""Last followers as spanning in-trees and as paths.

    text     c  a  b  a  d          last followers: c -> a, b -> a, a -> d: a tree whose root is the last word, d
    reading  a                      d answers itself: the root

With keys of k letters the tree spans the de Bruijn graph. Source: docs/theory.md, Theorems 2.6, 2.7, 4.4 and 4.5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from plait.tasks import AssociativeRecall
from plait.theory.families.family import MOST_KEYS, MOST_LENGTH, StateFamily, Suffixes
from plait.theory.families.trees import (
    best_word_count,
    path_factors,
    share_that_fits,
    share_with_few_leaves,
    typical_walk,
    worst_walk,
)

_FEW_KEYS = 30
"""Keys up to which paths of every length are looked at."""


def associative_families(task: AssociativeRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    room = MOST_LENGTH if seq_len is None else min(seq_len - 1, MOST_LENGTH)
    words = min(task.n_words, MOST_KEYS)
    if room < 1 or (seq_len is None and words < task.n_words):
        return
    yield from last_followers([[[word]] for word in range(words)], room=room)


def last_followers(readers: Sequence[Sequence[Sequence[int]]], *, room: int) -> Iterator[StateFamily]:
    """All rooted trees on as many words as fit into texts of `room` tokens, and texts of distinct words if not all do.

    Args:
        readers: of each word the suffixes whose last answer is what followed it last; of the word that was last they
            answer differently, or the word itself.
    """
    words = len(readers)

    def value(m: int) -> tuple[int, Fraction]:
        return m ** (m - 1), share_with_few_leaves(m - 1, 1, most=room - m + 1)

    m = best_word_count(words, room=room + 1, roots=0, value=value)
    size, share = value(m)
    asked = Suffixes()
    reads = [[asked.ask(suffix) for suffix in readers[word]] for word in range(m)]
    length = min(room, max(1, 2 * m - 2))
    yield StateFamily(
        description=f"which of {m} words followed each of them last: all rooted trees",
        size=size,
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=trees_codec(range(m), 1, reads, lead=0, length=length, root=None),
        answers=range(m),
        share=share,
    )
    if m < words:
        yield from distinct_words(words, [suffixes[0] for suffixes in readers], room=room)


def distinct_words(n_words: int, readers: Sequence[Sequence[int]], *, room: int) -> Iterator[StateFamily]:
    """Texts of at most `room` distinct words, the first one given; `readers[w]` reads what followed word w."""
    steps = min(n_words, room) - 1
    if steps < 1:
        return
    asked = Suffixes()
    reads = [[asked.ask(reader)] for reader in readers]
    factors = [n_words - 1 - i for i in range(steps)]
    what = f"{steps + 1} distinct words in a row"
    yield paths_family(what, range(n_words), 1, reads, asked, 0, steps, factors)


def letters_that_fit(most: int, k: int, *, room: int) -> set[int]:
    """Numbers of letters up to `most` around the one whose spanning in-trees typically take `room` tokens."""
    typical = max((n for n in range(1, most + 1) if typical_walk(n, k) <= room), default=1)
    return {max(2, typical - 1), typical, min(typical + 1, most)} & set(range(2, most + 1))


def spanning_trees(
    letters: Sequence[int],
    k: int,
    reading: tuple[Suffixes, list[list[int]]],
    *,
    room: int,
    lead: int,
    root: int | None,
    n_words: int,
) -> Iterator[StateFamily]:
    """The spanning in-trees on these letters whose texts fit into `room` tokens.

    Args:
        reading: the queries, and for each key those that read what followed it.
        lead: tokens before the text at least.
        root: the key that is last, if that is given.
        n_words: words that can be answers where any key may be last.
    """
    asked, reads = reading
    n = len(letters)
    length = min(room, lead + worst_walk(n, k))
    share, confidence = share_that_fits(n, k, most=length - lead, root=root)
    if share == 0 or not asked.queries:
        return
    trees = n ** (n**k - k - 1)
    yield StateFamily(
        description=f"what followed each of the {n**k} keys on {n} words last: all spanning in-trees"
        + ("" if root is None else " with one root"),
        size=trees * (n**k if root is None else 1),
        prefix_length=length,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=trees_codec(letters, k, reads, lead=lead, length=length, root=root),
        answers=range(n_words) if root is None else sorted(letters),
        share=share,
        confidence=confidence,
    )


def key_paths(
    letters: Sequence[int], k: int, reading: tuple[Suffixes, list[list[int]]], *, room: int, lead: int
) -> Iterator[StateFamily]:
    """Paths on these letters that repeat no key; where most keys are taken, longer ones more often have no way on, so
    shorter ones may be more."""
    asked, reads = reading
    keys = len(letters) ** k
    most = min(room - k - lead, keys - 1)
    fewest = 1 if keys <= _FEW_KEYS else most if 2 * most <= keys else most - 2
    for steps in range(max(1, fewest), most + 1):
        factors, share, confidence = path_factors(len(letters), k, steps)
        if share:
            what = f"{steps} words, no key of {k} twice"
            family = paths_family(what, letters, k, reads, asked, lead, steps, factors)
            yield replace(family, share=share, confidence=confidence)


def trees_codec(
    letters: Sequence[int], k: int, reads: list[list[int]], *, lead: int, length: int, root: int | None
) -> dict[str, object]:
    """The codec of spanning in-trees, as certificates have it."""
    return {
        "kind": "trees",
        "letters": list(letters),
        "key_length": k,
        "lead": lead,
        "length": length,
        "root": root,
        "reads": reads,
    }


def paths_family(
    description: str,
    letters: Sequence[int],
    k: int,
    reads: list[list[int]],
    asked: Suffixes,
    lead: int,
    steps: int,
    factors: list[int],
) -> StateFamily:
    """The family of paths that repeat no key, numbered up to the product of `factors`."""
    size = 1
    for factor in factors:
        size *= factor
    codec = {
        "kind": "paths",
        "letters": list(letters),
        "key_length": k,
        "lead": lead,
        "reads": reads,
        "steps": steps,
        "start": 1 if len(letters) > 1 else 0,
        "factors": factors,
    }
    return StateFamily(
        description=description,
        size=size,
        prefix_length=lead + k + steps,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=codec,
    )


def rooted_trees(
    words: int, readers: Sequence[Sequence[int]], room: int, filler: list[int], *, exact_length: bool = False
) -> Iterator[StateFamily]:
    """All trees on the words with root 0, which is last, as far as they fit, behind a filler of that word or none.

    Args:
        words: how many there are.
        readers: what reads the follower of each, at its end.
        room: tokens for the text.
        exact_length: the prefix takes the whole room.
    """

    def value(m: int) -> tuple[int, Fraction]:
        return m ** max(0, m - 2), share_with_few_leaves(m - 1, 1, most=room - m + 1)

    if room < 2:
        return
    m = best_word_count(words, room=room + 1, roots=0, value=value)
    size, share = value(m)
    if m < 3:
        return
    asked = Suffixes()
    reads = [[asked.ask(readers[word])] if word else [] for word in range(m)]
    yield StateFamily(
        description=f"which of {m} words followed each of {m - 1} last, one known word being last: all such trees",
        size=size,
        prefix_length=room if exact_length else min(room, 2 * m - 2),
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec=trees_codec(
            range(m), 1, reads, lead=0, length=room if exact_length else min(room, 2 * m - 2), root=0
        ),
        answers=range(m),
        share=share,
        filler=filler,
    )


def distinct_behind(
    words: int, readers: Sequence[Sequence[int]], room: int, filler: list[int]
) -> Iterator[StateFamily]:
    """Texts of distinct words other than 0, the filler's, from a known first one on."""
    steps = min(words - 1, room) - 1
    if steps < 1:
        return
    asked = Suffixes()
    reads = [[asked.ask(readers[word])] for word in range(1, words)]
    factors = [words - 2 - i for i in range(steps)]
    family = paths_family(
        f"{steps + 1} distinct words in a row", range(1, words), 1, reads, asked, 0, steps, factors
    )
    yield replace(family, filler=filler)
