"""Forests of last followers: how many there are, and how many have so few leaves that a short text holds them.

A text in which every word occurs is a chain of paths up from the leaves; a forest on m words with l leaves takes m + l
tokens, one less if its root is the last word. Source: docs/theory.md, Lemma 4.3.
"""

import math
from collections.abc import Callable
from fractions import Fraction

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
