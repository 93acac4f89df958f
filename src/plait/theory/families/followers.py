"""Last followers as spanning in-trees and as paths, for associative recall and multi-key recall.

    text     c  a  b  a  d          last followers: c -> a, b -> a, a -> d: a tree whose root is the last word, d
    reading  a                      d answers itself: the root

With keys of k letters the tree spans the de Bruijn graph, and a key is read behind two different fillers z: the
follower of the root, which was last, is z. Source: docs/theory.md, Theorems 2.6, 2.7, 4.4 and 4.5.

With two words there are too few fillers to read the root's follower by itself, but few enough trees to list: a
plain list of texts, one for each spanning in-tree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from plait.random import plain_bits
from plait.tasks import AssociativeRecall, MultiKeyRecall
from plait.theory.families.family import MOST_KEYS, MOST_LENGTH, StateFamily, Suffixes
from plait.theory.families.readers import key_readers
from plait.theory.families.trees import (
    best_word_count,
    path_factors,
    share_that_fits,
    share_with_few_leaves,
    typical_walk,
    worst_walk,
)

MOST_LISTED = 200
_DRAWS = 8_000
"""Trees that are listed one by one, and texts that are drawn to show them; fewer are a smaller family, and as true."""


def listed_trees(task: MultiKeyRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """One text for each spanning in-tree that random texts of a fitting length show."""
    k = task.key_length
    keys = 2**k
    if task.n_words != 2 or keys - 1 >= MOST_LISTED.bit_length():
        return
    # Eight tokens a key: nearly every text of that length holds all keys.
    room = 8 * keys if seq_len is None else min(8 * keys, seq_len - 2 * k)
    if room <= k:
        return
    chosen: dict[tuple[int, ...], list[int]] = {}
    for number in range(_DRAWS):
        text = plain_bits(k, room, purpose=11, start=number * room, below=2)
        tree = _last_followers(text, k)
        if -1 not in tree:
            chosen.setdefault(tree, text)
        if len(chosen) == 2 ** (keys - 1):  # all of them (docs/theory.md, Theorem 4.4)
            break
    if not chosen:
        return
    asked = Suffixes()
    for suffix in product(range(2), repeat=2 * k):
        for position in range(2 * k):
            asked.ask(suffix[: position + 1])
    yield StateFamily(
        description=f"a text for each of {len(chosen)} trees of what followed the {keys} keys last",
        size=len(chosen),
        prefix_length=room,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "list", "prefixes": list(chosen.values())},
    )


def _last_followers(text: list[int], k: int) -> tuple[int, ...]:
    """The last key, and what followed each other key last (-1: it has not occurred where it counts)."""
    windows = [int("".join(map(str, text[at : at + k])), 2) for at in range(len(text) - k + 1)]
    last = dict(zip(windows[1:-1], text[k + 1 :], strict=False))
    last[windows[-1]] = 0
    return (windows[-1], *(last.get(key, -1) for key in range(2**k)))


_FEW_KEYS = 30
"""Keys up to which paths of every length are looked at."""


def associative_families(task: AssociativeRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    room = MOST_LENGTH if seq_len is None else min(seq_len - 1, MOST_LENGTH)
    words = min(task.n_words, MOST_KEYS)
    if room < 1 or (seq_len is None and words < task.n_words):
        return

    def value(m: int) -> tuple[int, Fraction]:
        return m ** (m - 1), share_with_few_leaves(m - 1, 1, most=room - m + 1)

    m = best_word_count(words, room=room + 1, roots=0, value=value)
    size, share = value(m)
    asked = Suffixes()
    reads = [[asked.ask([word])] for word in range(m)]
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
        yield from distinct_words(words, [[word] for word in range(words)], room=room)


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


def multi_key_families(task: MultiKeyRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length); keys are read behind a filler."""
    k = task.key_length
    room = MOST_LENGTH if seq_len is None else min(seq_len - k - 1, MOST_LENGTH)
    writable = max((n for n in range(1, min(task.n_words, MOST_KEYS) + 1) if n**k <= MOST_KEYS), default=1)
    if task.n_words == 2:
        yield from listed_trees(task, seq_len)
    if seq_len is None and writable < task.n_words:
        return
    typical = max((n for n in range(1, writable + 1) if 1 + typical_walk(n, k) <= room), default=1)
    several = {max(2, typical - 1), typical, min(typical + 1, writable)} & set(range(2, writable + 1))
    for n in {task.n_words} if seq_len is None else several:
        for root in (None, 0):
            yield from _spanning_trees(task, n, root=root, seq_len=seq_len)
    if seq_len is not None and room > k + 1:
        yield from _key_paths(task, writable, seq_len)


def _spanning_trees(
    task: MultiKeyRecall, n: int, *, root: int | None, seq_len: int | None
) -> Iterator[StateFamily]:
    """Trees on n letters; with the root given, one query a key is enough and none is wasted."""
    k = task.key_length
    reading = key_readers(n, k, n_words=task.n_words, fillers=2 if root is None else 1, unread=root)
    if reading is None:
        return
    asked, reads = reading
    length = min(_room(asked, seq_len), 1 + worst_walk(n, k))
    share, confidence = share_that_fits(n, k, most=length - 1, root=root)
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
        codec=trees_codec(range(n), k, reads, lead=1, length=length, root=root),
        answers=range(task.n_words) if root is None else range(n),
        share=share,
        confidence=confidence,
    )


def _key_paths(task: MultiKeyRecall, n: int, seq_len: int) -> Iterator[StateFamily]:
    """Paths on n letters that repeat no key; longer ones more often have no way on, so shorter ones may be more."""
    k = task.key_length
    reading = key_readers(n, k, n_words=task.n_words, fillers=1)
    if reading is None:
        return
    asked, reads = reading
    most = min(_room(asked, seq_len) - k - 1, n**k - 1)
    for steps in range(max(1, most - 2) if n**k > _FEW_KEYS else 1, most + 1):
        factors, share, confidence = path_factors(n, k, steps)
        if share:
            family = paths_family(
                f"{steps} words, no key of {k} twice", range(n), k, reads, asked, 1, steps, factors
            )
            yield replace(family, share=share, confidence=confidence)


def _room(asked: Suffixes, seq_len: int | None) -> int:
    """Tokens for the prefix."""
    if seq_len is None:
        return MOST_LENGTH
    return min(MOST_LENGTH, seq_len - max(map(len, asked.suffixes), default=0))


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
