"""Two words and short keys: a plain list of texts, one for each spanning in-tree.

With two words there are too few fillers to read the root's follower by itself, but few enough trees to list.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from plait.deferred import deferred
from plait.random import Stream
from plait.tasks import MultiKeyRecall
from plait.theory.families.family import Family, Suffixes

if TYPE_CHECKING:
    import numpy as np
else:
    np = deferred("numpy")

MOST_LISTED = 200
_DRAWS = 8_000


def listed_trees(task: MultiKeyRecall, seq_len: int | None) -> Iterator[Family]:
    """One text for each spanning in-tree that random texts of a fitting length show."""
    k = task.key_length
    keys = 2**k
    if task.n_words != 2 or 2 ** (keys - 1) > MOST_LISTED:
        return
    room = 8 * keys if seq_len is None else min(8 * keys, seq_len - 2 * k)
    if room <= k:
        return
    texts = Stream(k, 0, 11).integers(2, (_DRAWS, room)).numpy()
    chosen: dict[tuple[int, ...], list[int]] = {}
    for text in texts:
        tree = _last_followers(text, k)
        if -1 not in tree:
            chosen.setdefault(tree, text.tolist())
    if not chosen:
        return
    asked = Suffixes()
    for suffix in product(range(2), repeat=2 * k):
        for position in range(2 * k):
            asked.ask(suffix[: position + 1])
    yield Family(
        description=f"a text for each of {len(chosen)} trees of what followed the {keys} keys last",
        size=len(chosen),
        prefix_length=room,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "list", "prefixes": list(chosen.values())},
    )


def _last_followers(text: np.ndarray, k: int) -> tuple[int, ...]:
    """The last key, and what followed each other key last (-1: it has not occurred where it counts)."""
    windows = np.zeros(len(text) - k + 1, dtype=np.int64)
    for place in range(k):
        windows = windows * 2 + text[place : len(text) - k + 1 + place]
    followers = np.full(2**k, -1, dtype=np.int64)
    for end in range(1, len(windows) - 1):
        followers[windows[end]] = text[end + k]
    followers[windows[-1]] = 0
    return (int(windows[-1]), *followers.tolist())
