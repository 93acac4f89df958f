"""Texts that realise spanning in-trees of the de Bruijn graph, and how long they get.

A tree needs one way out of each key, and for every key with no way in (but the first) an extra way that comes from a
key with too many: through `k` letters, fewer where the one key ends as the other begins. Trees are sampled as they
arise: the last followers of a long random text are a uniform spanning in-tree (Aldous, Broder). Source:
docs/theory.md, Theorem 4.4.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from plait.deferred import deferred
from plait.random import array_bits, plain_bits
from plait.theory.confidence import ALPHA, least_success_rate

if TYPE_CHECKING:
    import numpy as np
else:
    np = deferred("numpy")

MOST_SAMPLES = 400


def worst_walk(n: int, k: int) -> int:
    """Tokens that are enough for every spanning in-tree of B(n, k)."""
    keys = n**k
    most_leaves = keys - -(-(keys - 1) // n) if n > 1 else 0
    return k + keys - 1 + k * max(0, most_leaves - 1)


def typical_walk(n: int, k: int) -> int:
    """Tokens that about half of the spanning in-trees of B(n, k) need: a leaf is a key that none of n others chose."""
    keys = n**k
    return k + keys - 1 + int(keys * (1 - 1 / n) ** n * (1 + 0.25 * (k - 1)))


def _samples(keys: int) -> int:
    return max(60, min(MOST_SAMPLES, 50_000 // max(1, keys)))


def share_that_fits(n: int, k: int, *, most: int, root: int | None) -> tuple[Fraction, Fraction]:
    """A share of the spanning in-trees that texts of `most` tokens surely hold, and the confidence of that."""
    if most >= worst_walk(n, k):
        return Fraction(1), Fraction(1)
    if most < n**k + k - 1:
        return Fraction(0), Fraction(1)
    lengths = _sampled_lengths(n, k, root)
    fits = sum(length <= most for length in lengths)
    return least_success_rate(fits, len(lengths), ALPHA), 1 - ALPHA


@lru_cache(maxsize=64)
def _sampled_lengths(n: int, k: int, root: int | None) -> tuple[int, ...]:
    """Tokens that uniform spanning in-trees of B(n, k) take."""
    trees = (_random_tree(n, k, root, sample) for sample in range(_samples(n**k)))
    return tuple(walk_length(*tree, n=n, k=k) for tree in trees)


def walk_length(followers: list[int], root: int, *, n: int, k: int) -> int:
    """Tokens of the shortest text found for the in-tree, `followers[key]` being the letter after each key."""
    keys = n**k
    ways_in = Counter((key * n + followers[key]) % keys for key in range(keys) if key != root)
    leaves = [key for key in range(keys) if key != root and not ways_in[key]]
    spare = [key for key in range(keys) for _ in range(ways_in[key] - 1)]
    extra = 0
    for shared in range(k - 1, -1, -1):
        groups: dict[int, list[int]] = {}
        for leaf in leaves:
            groups.setdefault(leaf // n ** (k - shared), []).append(leaf)
        unmatched = []
        for key in spare:
            group = groups.get(key % n**shared)
            if group:
                group.pop()
                extra += k - shared
            else:
                unmatched.append(key)
        spare, leaves = unmatched, sorted(leaf for group in groups.values() for leaf in group)
    return k + keys - 1 + extra


@lru_cache(maxsize=512)
def path_factors(n: int, k: int, steps: int) -> tuple[list[int], Fraction, Fraction]:
    """How many contents paths of `steps` steps without a repeated key can number, as factors below 2^31.

    Returns the factors, the share of numbers that surely fits, and the confidence of that.
    """
    samples = _samples(steps * n // 8)
    words = plain_bits(n * 1009 + k, 2 * samples * steps, step=1)
    numbers = [words[at : at + steps] for at in range(0, len(words), steps)]
    products = sorted(_path(n, k, steps, digits)[0] for digits in numbers[:samples])
    # A number fits if it is below the product of the radices that it meets; at least half of them should.
    _, rank = max((product * (samples - i), i) for i, product in enumerate(products[: samples // 2]))
    size = products[rank]
    if size < 2:
        return [], Fraction(0), Fraction(1)
    shift = max(0, size.bit_length() - 20)
    factors = [2**30] * (shift // 30) + [2 ** (shift % 30), size >> shift]
    size = (size >> shift) << shift
    fits = 0
    for digits in numbers[samples:]:
        index = sum(digit << 32 * place for place, digit in enumerate(digits)) * size >> 32 * steps
        fits += _path(n, k, steps, index)[1]
    return factors, least_success_rate(fits, samples, ALPHA), 1 - ALPHA


def _path(n: int, k: int, steps: int, choices: list[int] | int) -> tuple[int, bool]:
    """The product of the radices that a path meets, and whether nothing is left of the index at its end.

    `choices` is an index, or random words below 2^32.
    """
    keys = n**k
    key, seen, product = 1 % keys, {1 % keys}, 1
    index = choices if isinstance(choices, int) else 0
    for step in range(steps):
        free = [letter for letter in range(n) if (key * n + letter) % keys not in seen]
        if not free:
            return 0, False
        product *= len(free)
        if isinstance(choices, int):
            index, choice = divmod(index, len(free))
        else:
            choice = choices[step] * len(free) >> 32
        key = (key * n + free[choice]) % keys
        seen.add(key)
    return product, index == 0


def _random_tree(n: int, k: int, root: int | None, sample: int) -> tuple[list[int], int]:
    """The last followers of a random text, and its last key; with a root, that key is set to it."""
    keys, draw = n**k, 0
    letters = np.empty(0, dtype=np.int64)
    while True:
        words = array_bits(n * 1009 + k, 40 * keys + k, step=sample, purpose=7, draw=draw)
        more = (words * n >> 32).astype(np.int64)
        letters, draw = np.concatenate([more, letters]), draw + 1
        if root is not None:
            letters[-k:] = [root // n**place % n for place in reversed(range(k))]
        windows = np.zeros(len(letters) - k + 1, dtype=np.int64)
        for place in range(k):
            windows = windows * n + letters[place : len(letters) - k + 1 + place]
        last = np.full(keys, -1, dtype=np.int64)
        np.maximum.at(last, windows, np.arange(len(windows)))
        if (last >= 0).all():
            followers = letters[np.minimum(last + k, len(letters) - 1)]
            return followers.tolist(), int(windows[-1])
