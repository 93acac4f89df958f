"""Suffixes that read what followed a key, whatever stands before the cut.

A key of k letters is read behind a filler, so that no occurrence of it that began before the cut comes in between. The
root of a tree of last followers was itself last, so its follower is the filler's first word: two fillers that begin
differently give it away.
"""

from collections.abc import Sequence
from itertools import product

from plait.theory.families.family import Suffixes

_MOST_FILLERS = 5_000
"""Fillers of one length beyond which longer ones are not tried."""


def key_readers(
    n: int, k: int, *, n_words: int, fillers: int, unread: int | None = None
) -> tuple[Suffixes, list[list[int]]] | None:
    """The suffixes for all keys on n of the words, and for each key (a number in base n) the queries that read it.

    Args:
        n: letters that keys are made of.
        k: letters of a key.
        n_words: words that fillers are made of.
        fillers: fillers for each key, with different first words.
        unread: a key that needs no query.

    Returns None where some key has too few fillers.
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
