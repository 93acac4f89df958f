"""Least number of recurrent states of a model whose windows and convolutions reach back g tokens in all, any length.

                          g = 0                          g >= 1
selective copying         (M + K)^m + (K - 1) M^m        (M + K)^(m - g) + (K - 1) M^(m - g), from g = m on K
associative recall        W^(W - 1)                      W^(W - 2)
multi-key recall          n^(n^k - 1)                    n^(n^k - 1 - min(g, k))
decoding recall           2^b (W + 2)^(W - 2) (5 W + 4)  the greater of 3 2^b (W + 2)^(W - 2) and
                                                         2 2^max(b - g, 0) (W + 2)^(W - 1)
needle                    W + 1                          W

Each is the greatest number of classes of prefixes that end in one and the same filler of g tokens. Source:
docs/theory.md, Theorems 11.2 and 11.3.
"""

from collections.abc import Callable
from typing import Any

from plait.checks import check_integer
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.exact_numbers import Factor
from plait.theory.states import MOST_DIGITS, state_factors


def frontier_states(task: object, reach: int) -> int | None:
    """The least number of states at a reach; None where it has more than ten million bits.

    Raises:
        ValueError: a task without a closed form, or a reach below 0.
    """
    factors = frontier_factors(task, reach)
    if sum(base.bit_length() * exponent for base, exponent in factors) > MOST_DIGITS:
        return None
    count = 1
    for base, exponent in factors:
        count *= base**exponent
    return count


def frontier_factors(task: object, reach: int) -> tuple[Factor, ...]:
    """The same as a product of powers: (base, exponent) pairs.

    Raises:
        ValueError: a task without a closed form, or a reach below 0.
    """
    check_integer("reach", reach, least=0)
    behind = known_of(task, _BEHIND)
    if behind is None:
        raise ValueError(
            f"{type(task).__name__} has no closed form; a task of your own has what frontier finds"
        )
    factors = state_factors(task)
    return factors if reach == 0 else behind(task, reach)


def _selective_copying(task: SelectiveCopying, reach: int) -> tuple[Factor, ...]:
    words, numbers, left = task.n_words, len(task.numbers), max(0, max(task.numbers) - reach)
    older = numbers - 1 if words > 1 else 0  # with one word, an older number leaves no trace
    return (((words + numbers) ** left + older * words**left, 1),)


def _associative_recall(task: AssociativeRecall, reach: int) -> tuple[Factor, ...]:
    return ((task.n_words, max(0, task.n_words - 2)),)


def _multi_key_recall(task: MultiKeyRecall, reach: int) -> tuple[Factor, ...]:
    n, k = task.n_words, task.key_length
    return ((n, max(0, n**k - 1 - min(reach, k))),)


def _decoding_recall(task: DecodingRecall, reach: int) -> tuple[Factor, ...]:
    words, bits = task.n_words, task.n_bits
    if task.variant == "last":
        return ((words, words - 2),)
    behind_words = ((3, 1), (2, bits), (words + 2, words - 2))
    behind_bits = ((2, 1 + max(0, bits - reach)), (words + 2, words - 1))
    # A ratio of small numbers decides: 3 2^b against 2 2^max(b - g, 0) (W + 2).
    return behind_words if 3 * 2**bits >= 2 ** (1 + max(0, bits - reach)) * (words + 2) else behind_bits


def _needle(task: Needle, reach: int) -> tuple[Factor, ...]:
    return ((task.n_words, 1),)


_BEHIND: dict[type, Callable[[Any, int], tuple[Factor, ...]]] = {
    SelectiveCopying: _selective_copying,
    AssociativeRecall: _associative_recall,
    MultiKeyRecall: _multi_key_recall,
    DecodingRecall: _decoding_recall,
    Needle: _needle,
}
