"""Texts that realise spanning in-trees of the de Bruijn graph, and how long they get.

A tree needs one way out of each key, and for every key with no way in (but the first) an extra way that comes from a
key with too many: through `k` letters, fewer where the one key ends as the other begins. Trees are sampled as they
arise: the last followers of a long random text are a uniform spanning in-tree (Aldous, Broder). Source:
docs/theory.md, Theorem 4.4.
"""

import math
from fractions import Fraction
from functools import lru_cache

from plait.random import plain_bits
from plait.theory.confidence import ALPHA, least_success_rate

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
    trees = (random_tree(n, k, root, sample) for sample in range(_samples(n**k)))
    return tuple(walk_length(*tree, n=n, k=k) for tree in trees)


def walk_length(followers: list[int], root: int, *, n: int, k: int) -> int:
    """Tokens of the shortest text found for the in-tree, `followers[key]` being the letter after each key.

    An extra way costs a letter for each that the key it leaves does not share with the one it comes to. Keys count
    by those that they may share alone: their last ones or, where no way comes in, their first.
    """
    keys, ends = n**k, n ** (k - 1)
    ways_in = [0] * keys
    for key, follower in enumerate(followers):
        ways_in[key % ends * n + follower] += 1
    ways_in[root % ends * n + followers[root]] -= 1
    leaves, spare = [0] * ends, [0] * ends
    for key, ways in enumerate(ways_in):
        if ways > 1:
            spare[key % ends] += ways - 1
        elif not ways and key != root:
            leaves[key // n] += 1
    extra = 0
    for cost in range(1, k + 1):
        met = [min(ends, begins) for ends, begins in zip(spare, leaves, strict=True)]
        extra += cost * sum(met)
        spare = [ends - both for ends, both in zip(spare, met, strict=True)]
        leaves = [begins - both for begins, both in zip(leaves, met, strict=True)]
        groups = len(spare) // n
        spare = [sum(spare[group::groups]) for group in range(groups)]
        leaves = [sum(leaves[group * n : (group + 1) * n]) for group in range(groups)]
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
    ends, product = n ** (k - 1), 1
    start = 1 % (n * ends)
    unseen = {
        start // n: [letter for letter in range(n) if letter != start % n]
    }  # by what their keys begin with
    end = start % ends
    index = choices if isinstance(choices, int) else 0
    for step in range(steps):
        if end not in unseen:
            unseen[end] = list(range(n))
        free = unseen[end]
        if not free:
            return 0, False
        product *= len(free)
        if isinstance(choices, int):
            index, choice = divmod(index, len(free))
        else:
            choice = choices[step] * len(free) >> 32
        end = (end * n + free.pop(choice)) % ends
    return product, index == 0


def random_tree(n: int, k: int, root: int | None, sample: int) -> tuple[list[int], int]:
    """The last followers of a random text, and its last key; with a root, that key is set to it.

    The text is read from its end: draws of 40 letters a key, and of each no more than until all keys were seen.
    """
    keys, whole = n**k, 40 * n**k + k
    letters, draw, start = [], 0, whole
    wanted = k + int(keys * (math.log(keys) + 2))
    while True:
        end, start = start, max(0, start - wanted)
        letters += _letters_backwards(n, k, sample, draw, start, end)
        ended = letters[:k] if root is None else [root // n**place % n for place in range(k)]
        key = last = sum(letter * n**place for place, letter in enumerate(ended))
        followers = [-1] * keys
        followers[key] = ended[0]
        missing = keys - 1
        for letter, follower in zip(letters[k:], ended + letters[k:], strict=False):
            key = (letter * keys + key) // n
            if followers[key] < 0:
                followers[key] = follower
                missing -= 1
                if not missing:
                    break
        if not missing:
            return followers, last
        if start == 0:
            draw, start = draw + 1, whole
        wanted = 2 * keys


@lru_cache(maxsize=2 * MOST_SAMPLES)
def _letters_backwards(n: int, k: int, sample: int, draw: int, start: int, end: int) -> list[int]:
    """Letters of a random text from `end` down to `start`; those read for one root are read for another too."""
    words = plain_bits(n * 1009 + k, end - start, step=sample, purpose=7, draw=draw, start=start)
    return [word * n >> 32 for word in reversed(words)]
