"""Forests and trees of last followers: how many there are, and the texts that hold them.

A text in which every word occurs is a chain of paths up from the leaves; a forest on m words with l leaves takes m + l
tokens, one less if its root is the last word. Source: docs/theory.md, Lemma 4.3.

Other texts realise spanning in-trees of the de Bruijn graph, and how long they get.

A tree needs one way out of each key, and for every key with no way in (but the first) an extra way that comes from a
key with too many: through `k` letters, fewer where the one key ends as the other begins. Trees are sampled as they
arise: the last followers of a long random text are a uniform spanning in-tree (Aldous, Broder). Lengths for keys of
usual sizes are kept, so that a bound need not sample its trees again; `tests/theory/test_families.py` counts every one
of them anew. Source: docs/theory.md, Theorem 4.4.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache

from plait.random import plain_bits
from plait.theory.exact_numbers import ALPHA, least_success_rate

_MOST_EXACT = 48
"""Words up to which every number of words is tried; beyond, a normal approximation picks the number."""

_LEAST_SHARE = Fraction(1, 8)
"""A smaller share is proved as well, but sampling could not certify it."""


def forest_count(n_inner: int, n_roots: int) -> int:
    """Forests on `n_inner` labelled nodes and given roots, all paths ending in a root (Cayley)."""
    return n_roots * (n_inner + n_roots) ** (n_inner - 1) if n_inner else 1


def share_with_few_leaves(n_inner: int, n_roots: int, *, most: int) -> Fraction:
    """Of those forests, the share with at most `most` leaves among the inner nodes.

    By Prufer's code: n_inner entries, the last a root, the others any node; the leaves are the inner nodes that do
    not occur in it.
    """
    if most >= n_inner:
        return Fraction(1)
    entries, nodes = n_inner - 1, n_inner + n_roots
    ways = [1] + [0] * n_inner  # ways[d]: codes so far in which d distinct inner nodes occur
    for _ in range(entries):
        ways = [
            ways[d] * (d + n_roots) + (ways[d - 1] * (n_inner - d + 1) if d else 0)
            for d in range(n_inner + 1)
        ]
    few = sum(count for distinct, count in enumerate(ways) if n_inner - distinct <= most)
    return Fraction(few, nodes**entries)


def best_word_count(
    most_words: int, *, room: int, roots: int, value: Callable[[int], tuple[int, Fraction]]
) -> int:
    """The number of words m <= most_words with the most contents `size * share`, given as `value(m)`.

    Args:
        most_words: words that there are.
        room: m + l <= room is what a text can hold.
        roots: roots beside the words, for the approximation.
        value: size and share of the family on m words.
    """
    if 2 * most_words <= room:
        return most_words
    if most_words <= _MOST_EXACT or room <= _MOST_EXACT:
        exact = range(1, min(most_words, room) + 1)
        return max(exact, key=lambda m: _contents(*value(m)))

    def approximate(m: int) -> float:
        mean, deviation = m / math.e, math.sqrt(m * (1 / math.e - 2 / math.e**2))
        excess = (mean - (room - m)) / deviation
        tail = 0.5 * math.erfc(excess / math.sqrt(2))
        return (m - 1) * math.log2(m + roots) + math.log2(tail) if tail >= _LEAST_SHARE else 0.0

    return max(range(1, min(most_words, room) + 1), key=approximate)


def _contents(size: int, share: Fraction) -> Fraction:
    return size * share if share >= _LEAST_SHARE else Fraction(0)


MOST_SAMPLES = 400
"""Trees that are drawn to see which share fits; fewer of many keys (`_samples`) are a lower share, and as true."""


def worst_walk(n: int, k: int) -> int:
    """Tokens that are enough for every spanning in-tree of B(n, k)."""
    keys = n**k
    most_leaves = keys - -(-(keys - 1) // n) if n > 1 else 0
    return k + keys - 1 + k * max(0, most_leaves - 1)


def typical_walk(n: int, k: int) -> int:
    """Tokens that about half of the spanning in-trees of B(n, k) need: a leaf is a key that none of n others chose."""
    keys = n**k
    # A quarter of a token more for each letter of a key: fitted to what is drawn, and only where a search begins.
    return k + keys - 1 + int(keys * (1 - 1 / n) ** n * (1 + 0.25 * (k - 1)))


def _samples(keys: int) -> int:
    # Of long trees fewer: a tree takes a step a key.
    return max(60, min(MOST_SAMPLES, 50_000 // max(1, keys)))


def share_that_fits(n: int, k: int, *, most: int, root: int | None) -> tuple[Fraction, Fraction]:
    """A share of the spanning in-trees that texts of `most` tokens surely hold, and the confidence of that."""
    if most >= worst_walk(n, k):
        return Fraction(1), Fraction(1)
    if most < n**k + k - 1:
        return Fraction(0), Fraction(1)
    first, counts = KEPT_LENGTHS.get((n, k, root)) or counted_lengths(n, k, root)
    fits = sum(counts[: max(0, most - first + 1)])
    return least_success_rate(fits, sum(counts), ALPHA), 1 - ALPHA


@lru_cache(maxsize=64)  # keys of few letters by root; each samples trees
def counted_lengths(n: int, k: int, root: int | None) -> tuple[int, tuple[int, ...]]:
    """Tokens that uniform spanning in-trees of B(n, k) take: the least, and the trees that take each from it on."""
    trees = (random_tree(n, k, root, sample) for sample in range(_samples(n**k)))
    lengths = [walk_length(*tree, n=n, k=k) for tree in trees]
    return min(lengths), tuple(lengths.count(length) for length in range(min(lengths), max(lengths) + 1))


def walk_length(followers: list[int], root: int, *, n: int, k: int) -> int:
    """Tokens of the shortest text found for the in-tree, `followers[key]` being the letter after each key.

    An extra way costs a letter for each that the key it leaves does not share with the one it comes to. Keys count
    by those that they may share alone: their last ones or, where no way comes in, their first.
    """
    keys, ends = n**k, n ** (k - 1)
    ways = [key % ends * n + follower for key, follower in enumerate(followers)]
    del ways[root]
    reached = set(ways)
    spare, leaves = [0] * ends, [0] * ends
    for key in ways:
        spare[key % ends] += 1
    for key in reached:
        spare[key % ends] -= 1
    for key in set(range(keys)) - reached - {root}:
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


@lru_cache(maxsize=512)  # lengths that one search of a path tries
def path_factors(n: int, k: int, steps: int) -> tuple[list[int], Fraction, Fraction]:
    """How many contents paths of `steps` steps without a repeated key can number, as factors below 2^31.

    Returns the factors, the share of numbers that surely fits, and the confidence of that.
    """
    samples = _samples(steps * n // 8)
    products, ended = [], 0
    for digits in _digits(n, k, steps, range(samples)):
        product, _ = _path(n, k, steps, digits)
        products.append(product)
        ended += not product
        if ended >= samples // 2:
            return [], Fraction(0), Fraction(1)
    products.sort()
    # A number fits if it is below the product of the radices that it meets; at least half of them should.
    _, rank = max((product * (samples - i), i) for i, product in enumerate(products[: samples // 2]))
    size = products[rank]
    if size < 2:
        return [], Fraction(0), Fraction(1)
    # The size rounded down to 20 bits and a power of 2, as factors below 2^31; indices from words of 32 bits.
    shift = max(0, size.bit_length() - 20)
    factors = [2**30] * (shift // 30) + [2 ** (shift % 30), size >> shift]
    size = (size >> shift) << shift
    fits = 0
    for digits in _digits(n, k, steps, range(samples, 2 * samples)):
        index = sum(digit << 32 * place for place, digit in enumerate(digits)) * size >> 32 * steps
        fits += _path(n, k, steps, index)[1]
    return factors, least_success_rate(fits, samples, ALPHA), 1 - ALPHA


def _digits(n: int, k: int, steps: int, samples: range) -> Iterator[list[int]]:
    """For each of the samples so many random words."""
    # 1009: a prime above every key length, so that no two (n, k) share a seed.
    words = plain_bits(n * 1009 + k, len(samples) * steps, step=1, start=samples.start * steps)
    return (words[at : at + steps] for at in range(0, len(words), steps))


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
    """The last followers of a random text, and its last key; with a root, that key is set to it."""
    ended, inside = _followers_inside(n, k, sample)
    if root is not None:
        ended = [*(root // n**place % n for place in range(k)), *ended[k:]]
    followers, key = inside.copy(), 0
    for at in range(k, -1, -1):  # the windows that the last k letters have a part in, towards the end
        key = sum(letter * n**place for place, letter in enumerate(ended[at : at + k]))
        followers[key] = ended[max(0, at - 1)]
    return followers, key


@lru_cache(maxsize=2 * MOST_SAMPLES)
def _followers_inside(n: int, k: int, sample: int) -> tuple[list[int], list[int]]:
    """Of a random text its last letters, backwards, and what followed each key last where those have no part in it.

    Draws of 40 letters a key are read from their end, and no further than until every key was seen.
    """
    keys, whole = n**k, 40 * n**k + k
    letters: list[int] = []
    draw, start, wanted = 0, whole, 2 * k + 1 + int(keys * (math.log(keys) + 2))
    while True:
        end, start = start, max(0, start - wanted)
        seed, n_letters = n * 1009 + k, end - start
        letters += plain_bits(seed, n_letters, step=sample, purpose=7, draw=draw, start=start, below=n)[::-1]
        followers, missing = [-1] * keys, keys
        key = sum(letter * n**place for place, letter in enumerate(letters[k : 2 * k]))
        for letter, follower in zip(letters[2 * k :], letters[k:], strict=False):
            key = (letter * keys + key) // n
            if followers[key] < 0:
                followers[key] = follower
                missing -= 1
                if not missing:
                    return letters[: 2 * k], followers
        wanted = 2 * keys
        if start == 0:
            draw, start = draw + 1, whole


KEPT_LENGTHS: Mapping[tuple[int, int, int | None], tuple[int, tuple[int, ...]]] = {
    (2, 2, None): (5, (185, 215)),
    (2, 2, 0): (5, (187, 213)),
    (3, 2, None): (10, (11, 50, 146, 103, 65, 17, 6, 2)),
    (3, 2, 0): (10, (21, 56, 128, 101, 57, 25, 12)),
    (4, 2, None): (18, (3, 8, 25, 48, 87, 84, 67, 41, 27, 9, 0, 1)),
    (4, 2, 0): (18, (2, 5, 26, 53, 94, 86, 62, 41, 22, 6, 3)),
    (5, 2, None): (28, (1, 1, 4, 10, 9, 33, 57, 74, 62, 69, 43, 24, 8, 2, 3)),
    (5, 2, 0): (30, (3, 6, 20, 31, 60, 72, 71, 59, 39, 18, 14, 5, 2)),
    (6, 2, None): (45, (3, 7, 12, 19, 39, 53, 64, 53, 67, 33, 28, 10, 7, 0, 4, 1)),
    (6, 2, 0): (44, (1, 3, 4, 11, 32, 42, 48, 60, 57, 54, 40, 22, 13, 4, 7, 0, 1, 1)),
    (7, 2, None): (63, (1, 4, 17, 22, 24, 41, 41, 48, 54, 43, 43, 31, 16, 6, 5, 2, 2)),
    (7, 2, 0): (62, (1, 2, 5, 10, 19, 33, 34, 47, 53, 54, 42, 47, 27, 12, 9, 1, 3, 0, 1)),
    (8, 2, None): (83, (1, 5, 3, 13, 21, 24, 32, 51, 41, 39, 43, 33, 34, 20, 14, 11, 7, 4, 3, 0, 1)),
    (8, 2, 0): (82, (1, 1, 7, 8, 9, 14, 33, 40, 32, 49, 52, 38, 22, 26, 25, 20, 11, 4, 4, 1, 3)),
    (9, 2, None): (
        105,
        (1, 1, 2, 6, 6, 7, 19, 25, 27, 31, 41, 48, 50, 29, 29, 22, 19, 16, 6, 6, 2, 4, 2, 0, 1),
    ),
    (9, 2, 0): (106, (1, 3, 8, 6, 8, 19, 27, 27, 38, 27, 46, 46, 33, 26, 23, 19, 11, 14, 6, 7, 3, 2)),
    (2, 3, None): (10, (51, 61, 145, 105, 38)),
    (2, 3, 0): (10, (46, 42, 153, 100, 59)),
    (3, 3, None): (33, (2, 2, 7, 13, 26, 46, 58, 51, 47, 60, 37, 18, 14, 10, 4, 5)),
    (3, 3, 0): (34, (3, 9, 17, 33, 47, 42, 54, 62, 51, 22, 28, 16, 9, 3, 3, 1)),
    (4, 3, None): (86, (3, 2, 9, 8, 22, 23, 28, 35, 32, 40, 45, 37, 29, 21, 21, 11, 12, 4, 5, 9, 3, 0, 1)),
    (4, 3, 0): (
        84,
        (1, 2, 5, 2, 8, 11, 16, 33, 24, 29, 40, 38, 31, 36, 23, 30, 18, 17, 11, 12, 4, 3, 1, 4, 0, 1),
    ),
}
"""By letters, letters of a key and root: the least number of tokens, and the trees that take each from it on."""
