"""Closed forms: the least number of states of a model that is right on every defined position of every input.

selective copying     (M + K)^m + (K - 1) M^m     M words, K numbers, m the largest (M >= 2)
associative recall    W^(W - 1)                   rooted trees on W words
multi-key recall      n^(n^k - 1)                 spanning in-trees of the de Bruijn graph of n words, keys of k
decoding recall       2^b (W + 2)^(W - 2) (5 W + 4)     forests, register, and a word that waits for its follower
needle                W + 1                       a word, or marker A just read

The same of a model whose windows and convolutions reach back g >= 1 tokens in all, any length: the greatest number of
classes of prefixes that end in one and the same filler of g tokens.

selective copying     (M + K)^(m - g) + (K - 1) M^(m - g), from g = m on K
associative recall    W^(W - 2)
multi-key recall      n^(n^k - 1 - min(g, k))
decoding recall       the greater of 3 2^b (W + 2)^(W - 2) and 2 2^max(b - g, 0) (W + 2)^(W - 1)
needle                W

Source: docs/theory.md, Theorems 2.5 to 2.9, 11.2 and 11.3; the first are checked against `plait.theory.automata` by the
tests.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from plait.checks import check_integer
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.exact_numbers import Factor

MOST_DIGITS = 10_000_000
"""Bits beyond which a number of states is kept as a product of powers only."""

MOST_KEY_BITS = 60
"""Of the number of keys; a state has bits for each, so that no model can have more."""


def state_factors(task: object) -> tuple[Factor, ...]:
    """The least number of states as a product of powers: (base, exponent) pairs.

    Raises:
        ValueError: a task without a closed form, or of more keys than could ever matter.
    """
    closed_form = known_of(task, _CLOSED_FORMS)
    if closed_form is None:
        raise ValueError(
            f"{type(task).__name__} has no closed form; a task of your own has only what find_state_bits finds"
        )
    return closed_form(task)


def state_count(task: object) -> int | None:
    """The least number of states; None where it has more than ten million bits.

    Raises:
        ValueError: a task without a closed form.
    """
    return _multiplied(state_factors(task))


def _multiplied(factors: tuple[Factor, ...]) -> int | None:
    """The product; None where it has more bits than is written out."""
    if sum(base.bit_length() * exponent for base, exponent in factors) > MOST_DIGITS:
        return None
    count = 1
    for base, exponent in factors:
        count *= base**exponent
    return count


def _copying(task: SelectiveCopying) -> tuple[Factor, ...]:
    words, numbers, m = task.n_words, len(task.numbers), max(task.numbers)
    older = numbers - 1 if words > 1 else 0  # with one word, an older number leaves no trace
    return (((words + numbers) ** m + older * words**m, 1),)


def _associative(task: AssociativeRecall) -> tuple[Factor, ...]:
    return ((task.n_words, task.n_words - 1),)


def _multi_key(task: MultiKeyRecall) -> tuple[Factor, ...]:
    if task.n_words > 1 and task.key_length * (task.n_words.bit_length() - 1) > MOST_KEY_BITS:
        raise ValueError(
            f"needed at most 2^{MOST_KEY_BITS} keys, as each of them takes bits of state, got "
            f"{task.n_words} words and keys of {task.key_length}"
        )
    return ((task.n_words, task.n_words**task.key_length - 1),)


def _decoding(task: DecodingRecall) -> tuple[Factor, ...]:
    words = task.n_words
    if task.variant == "last":
        return ((words, words - 1),)
    # Theorem 2.8.
    return ((2, task.n_bits), (words + 2, words - 2), (5 * words + 4, 1))


def _needle(task: Needle) -> tuple[Factor, ...]:
    return ((task.n_words + 1 if task.n_words > 1 else 1, 1),)  # one word: nothing to remember


_CLOSED_FORMS: Mapping[type, Callable[[Any], tuple[Factor, ...]]] = MappingProxyType(
    {
        SelectiveCopying: _copying,
        AssociativeRecall: _associative,
        MultiKeyRecall: _multi_key,
        DecodingRecall: _decoding,
        Needle: _needle,
    }
)


def frontier_states(task: object, reach: int) -> int | None:
    """The least number of states at a reach; None where it has more than ten million bits.

    Raises:
        ValueError: a task without a closed form, or a reach below 0.
    """
    return _multiplied(frontier_factors(task, reach))


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


def _copying_behind(task: SelectiveCopying, reach: int) -> tuple[Factor, ...]:
    words, numbers, left = task.n_words, len(task.numbers), max(0, max(task.numbers) - reach)
    older = numbers - 1 if words > 1 else 0  # with one word, an older number leaves no trace
    return (((words + numbers) ** left + older * words**left, 1),)


def _associative_behind(task: AssociativeRecall, reach: int) -> tuple[Factor, ...]:
    return ((task.n_words, max(0, task.n_words - 2)),)


def _multi_key_behind(task: MultiKeyRecall, reach: int) -> tuple[Factor, ...]:
    n, k = task.n_words, task.key_length
    return ((n, max(0, n**k - 1 - min(reach, k))),)


def _decoding_behind(task: DecodingRecall, reach: int) -> tuple[Factor, ...]:
    words, bits = task.n_words, task.n_bits
    if task.variant == "last":
        return ((words, words - 2),)
    behind_words = ((3, 1), (2, bits), (words + 2, words - 2))
    behind_bits = ((2, 1 + max(0, bits - reach)), (words + 2, words - 1))
    # A ratio of small numbers decides: 3 2^b against 2 2^max(b - g, 0) (W + 2).
    return behind_words if 3 * 2**bits >= 2 ** (1 + max(0, bits - reach)) * (words + 2) else behind_bits


def _needle_behind(task: Needle, reach: int) -> tuple[Factor, ...]:
    return ((task.n_words, 1),)


_BEHIND: dict[type, Callable[[Any, int], tuple[Factor, ...]]] = {
    SelectiveCopying: _copying_behind,
    AssociativeRecall: _associative_behind,
    MultiKeyRecall: _multi_key_behind,
    DecodingRecall: _decoding_behind,
    Needle: _needle_behind,
}
