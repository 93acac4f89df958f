"""Last followers of keys of several words, for multi-key recall.

A key is read behind two different fillers z: the follower of the root, which was last, is z. With two words there are
too few fillers to read the root's follower by itself, but few enough trees to list: a plain list of texts, one for each
spanning in-tree. Source: docs/theory.md, Theorems 2.7, 4.4 and 4.5.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from plait.random import plain_bits
from plait.tasks import MultiKeyRecall
from plait.theory.families.family import MOST_KEYS, MOST_LENGTH, StateFamily, Suffixes
from plait.theory.families.followers import key_paths, letters_that_fit, spanning_trees

_MOST_FILLERS = 5_000
"""Fillers of one length beyond which longer ones are not tried."""


def multi_key_families(task: MultiKeyRecall, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length); keys are read behind a filler."""
    k = task.key_length
    room = MOST_LENGTH if seq_len is None else min(seq_len - k - 1, MOST_LENGTH)
    writable = max((n for n in range(1, min(task.n_words, MOST_KEYS) + 1) if n**k <= MOST_KEYS), default=1)
    if task.n_words == 2:
        yield from listed_trees(task, seq_len)
    if seq_len is None and writable < task.n_words:
        return
    for n in {task.n_words} if seq_len is None else letters_that_fit(writable, k, room=room - 1):
        for root in (None, 0):
            yield from _spanning_trees(task, n, root=root, seq_len=seq_len)
    if seq_len is not None and room > k + 1:
        reading = key_readers(writable, k, n_words=task.n_words, fillers=1)
        if reading is not None:
            yield from key_paths(range(writable), k, reading, room=_room(reading[0], seq_len), lead=1)


def _spanning_trees(
    task: MultiKeyRecall, n: int, *, root: int | None, seq_len: int | None
) -> Iterator[StateFamily]:
    """Trees on n letters; with the root given, one query a key is enough and none is wasted."""
    k = task.key_length
    reading = key_readers(n, k, n_words=task.n_words, fillers=2 if root is None else 1, unread=root)
    if reading is not None:
        room = _room(reading[0], seq_len)
        yield from spanning_trees(range(n), k, reading, room=room, lead=1, root=root, n_words=task.n_words)


def _room(asked: Suffixes, seq_len: int | None) -> int:
    """Tokens for the prefix."""
    if seq_len is None:
        return MOST_LENGTH
    return min(MOST_LENGTH, seq_len - max(map(len, asked.suffixes), default=0))


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


def key_readers(
    n: int, k: int, *, n_words: int, fillers: int, unread: int | None = None
) -> tuple[Suffixes, list[list[int]]] | None:
    """The suffixes that read what followed each key, whatever stands before the cut.

    A key of k letters is read behind a filler, so that no occurrence of it that began before the cut comes in between.
    The root of a tree of last followers was itself last, so its follower is the filler's first word: two fillers that
    begin differently give it away.

    Returns the suffixes for all keys on n of the words, and for each key (a number in base n) the queries that read
    it; None where some key has too few fillers.

    Args:
        n: letters that keys are made of.
        k: letters of a key.
        n_words: words that fillers are made of.
        fillers: fillers for each key, with different first words.
        unread: a key that needs no query.
    """
    asked, reads = Suffixes(), []
    for number in range(n**k):
        key = [number // n**place % n for place in reversed(range(k))]
        found = fillers_of(key, n_words, most=fillers) if number != unread else []
        if number != unread and len(found) < fillers:
            return None
        reads.append([asked.ask([*filler, *key]) for filler in found])
    return asked, reads


def fillers_of(key: Sequence[int], n_words: int, *, most: int) -> list[list[int]]:
    """Up to `most` short texts with different first words, behind which the key stands for the first time since the
    cut, whatever stands before the cut."""
    found: list[list[int]] = []
    n_words = min(n_words, max(key) + 1 + most)  # words that are not in the key all do
    for length in range(1, len(key) + 1):
        for filler in product(range(n_words), repeat=length):
            if len(found) == most:
                return found
            if all(filler[0] != other[0] for other in found) and _is_first(key, filler):
                found.append(list(filler))
        if n_words**length > _MOST_FILLERS:
            break
    return found


def _is_first(key: Sequence[int], filler: Sequence[int]) -> bool:
    """Whether no earlier place over the cut can hold the key: t tokens before the cut, then filler and key."""
    k, text = len(key), [*filler, *key]
    for begin in range(1 - k, len(filler)):
        seen = text[max(0, begin) : begin + k]
        if seen == list(key[k - len(seen) :]):
            return False
    return True
