"""Theorem 3.3 repaired: states that a causal model must carry to answer `q` queries about one of `|U|` contents.

`Retrieval(size, queries, answers)` is the game: a content u, uniform among `size`, is read; a query v, uniform among
`queries` and independent of u, is asked; the right answer F(u, v) is one of `answers` values, and different contents
differ in some answer. Source: docs/theory.md, Theorems 2.2 to 2.4 (arXiv 2603.08859, Theorem 3.3, is the defective
original).
"""

from dataclasses import dataclass
from fractions import Fraction

from plait.theory.exact_numbers import Factor, log2_ceil, log2_floor


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """A retrieval game: `size` contents, `queries` questions about each, `answers` possible answers.

    Raises:
        ValueError: one of them below 1, or too few answers to tell all contents apart.
    """

    size: int
    queries: int
    answers: int

    def __post_init__(self) -> None:
        for name in ("size", "queries", "answers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.size > self.answers**self.queries:
            raise ValueError(
                f"{self.queries} queries with {self.answers} answers cannot tell {self.size} contents apart"
            )


def counting_states(game: Retrieval, error: Fraction) -> int:
    """States needed at an average error of at most `error`, by counting answer tables (Theorem 2.2).

    `|S| >= (e + 1 - error q) |U| / sum_(i <= e) (e + 1 - i) C(q, i) (|Y| - 1)^i` for every `e >= 0`: the best of
    them, rounded up. At error 0 it is `|U|`, and it is never below `fano_bits`.

    Args:
        error: share of the (content, query) pairs that may be answered wrongly, in [0, 1).

    Raises:
        ValueError: an error outside [0, 1).
    """
    check_error(error)
    wrong, scale = error.numerator * game.queries, error.denominator
    best, shell, ball, weight = 1, 1, 0, 0
    for e in range(game.queries + 1):
        ball += shell
        weight += ball
        need = -((wrong - (e + 1) * scale) * game.size // (scale * weight))
        shell = shell * (game.queries - e) * (game.answers - 1) // (e + 1)
        best = max(best, need)
        if 0 < need < best:  # the bounds rise with e and then fall
            break
    return best


def fano_bits(game: Retrieval, error: Fraction, *, parts: int = 1000) -> Fraction:
    """`log2|U| - q phi(min(error, 1 - 1/|Y|))`, rounded down to a multiple of 1/parts (Theorem 2.3); may be < 0.

    Raises:
        ValueError: an error outside [0, 1).
    """
    factors, root = _fano_factors(game, error)
    return log2_floor(factors, root=root, parts=parts)


def fano_bits_ceil(game: Retrieval, error: Fraction) -> int:
    """The least whole number of bits that a memory must have by Theorem 2.3; at least 0.

    Raises:
        ValueError: an error outside [0, 1).
    """
    factors, root = _fano_factors(game, error)
    return max(0, int(log2_ceil(factors, root=root)))


def all_right_states(size: int, share: Fraction) -> int:
    """States needed where from one state all queries are right for at least `share` of the contents (Theorem 2.4).

    Raises:
        ValueError: a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be in [0, 1], got {share}")
    return max(1, _ceil(share * size))


def check_error(error: Fraction) -> None:
    """Raises:
    ValueError: an error rate outside [0, 1).
    """
    if not 0 <= error < 1:
        written = str(error) if max(abs(error.numerator), error.denominator) < 10**20 else "a longer number"
        raise ValueError(f"error must be in [0, 1), got {written}")


def _fano_factors(game: Retrieval, error: Fraction) -> tuple[list[Factor], int]:
    """Factors N / D and a root r with bound = log2(N / D) / r, for error = a / r."""
    check_error(error)
    q, others = game.queries, game.answers - 1
    if error >= 1 - Fraction(1, game.answers):
        return [(game.size, 1), (game.answers, -q)], 1
    a, r = error.numerator, error.denominator
    factors = [(game.size, r), (r - a, q * (r - a)), (r, -q * r)]
    if a:
        factors += [(a, q * a), (others, -q * a)]
    return factors, r


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
