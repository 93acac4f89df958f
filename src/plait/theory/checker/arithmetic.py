"""The checker's own exact arithmetic; it shares no code with what makes certificates."""

from fractions import Fraction

_GRID = 2**24
MOST_DISTANCES = 400
"""Distances that are tried beyond the first that counts: many more than it takes to pass the best."""

PRECISION = 4096
"""Bits of a divisor that are kept: dividing by longer ones takes long, and changes no thousandth of a bit."""


def floor_log2_thousandths(number: int) -> Fraction:
    """`log2(number)` in bits, rounded down to thousandths; of a number of more than 2,000 bits, its first 2,000."""
    # The 1,000th power of what is kept has two million bits at most, and a thousandth of its bits is the answer.
    dropped = max(0, number.bit_length() - 2000)
    # The 1000th power has 1000 log2 bits.
    return dropped + Fraction(((number >> dropped) ** 1000).bit_length() - 1, 1000)


def certain_share(good: int, trials: int, alpha: Fraction) -> Fraction:
    """The lower Clopper-Pearson limit: a true share below it makes `good` of `trials` less likely than alpha."""
    low, high = 0, _GRID
    while high > low + 1:
        middle = (low + high) // 2
        if _at_least(good, trials, middle) * alpha.denominator <= alpha.numerator * _GRID**trials:
            low = middle
        else:
            high = middle
    return Fraction(low, _GRID)


def _at_least(good: int, trials: int, p: int) -> int:
    """P(binomial >= good) times GRID^trials, for the success probability p / GRID; the shorter tail is summed."""
    q = _GRID - p
    if good > trials // 2:
        return _first_terms(trials, trials - good, q, p) * p**good
    return _GRID**trials - (_first_terms(trials, good - 1, p, q) * q ** (trials - good + 1) if good else 0)


def _first_terms(trials: int, last: int, one: int, other: int) -> int:
    """`sum_(j = 0..last) C(trials, j) one^j other^(last - j)`."""
    total, ways = 0, 1
    for j in range(last + 1):
        total = total * other + ways
        ways = ways * (trials - j) * one // (j + 1)
    return total


def states_at_error(contents: int, queries: int, answers: int, error: Fraction) -> int:
    """Least states with which an average error of `error` over all (content, query) pairs is possible.

    One state has one answer to each query. `C(queries, i) (answers - 1)^i` contents differ from that table in i
    places at most; filling the nearest places first makes the fewest errors. Any distance up to which one fills gives a
    bound; the first that are more than nothing rise, and then fall. (docs/theory.md, Theorem 2.2)
    """
    if error == 0:
        return contents
    wrong, share = error.numerator * queries, error.denominator
    best, tried, at_distance, total, weighted = 1, 0, 1, 0, 0
    for distance in range(queries + 1):
        total += at_distance
        weighted += total
        spare = (distance + 1) * share - wrong
        if spare > 0:
            need, tried = _quotient(spare * contents, share * weighted), tried + 1
            if need < best or tried > MOST_DISTANCES:
                break
            best = need
        at_distance = at_distance * (queries - distance) * (answers - 1) // (distance + 1)
    return best


def _quotient(number: int, divisor: int) -> int:
    """`number / divisor` rounded up; of long ones a little less, by parts in 2^4000."""
    dropped = divisor.bit_length() - PRECISION
    if dropped <= 0:
        return -(-number // divisor)
    return (number >> dropped) // ((divisor >> dropped) + 1)


def birthday_states(draws: int, alpha: Fraction) -> int:
    """The greatest s such that `draws` states drawn from s all differ with probability at most alpha.

    However the draws are distributed over s - 1 or s states, equal shares make a repetition least likely.
    """
    low, high = 1, draws * draws
    while high > low + 1:
        middle = (low + high) // 2
        falling = 1
        for i in range(draws):
            falling *= max(0, middle - i)
        if falling * alpha.denominator <= alpha.numerator * middle**draws:
            low = middle
        else:
            high = middle
    return low
