"""How far windowed attention must see: `attention_reach`, with two inputs that prove it.

A window counts the query itself, so a stack of windows w_1 .. w_l reads the last `1 + sum(w_i - 1)` tokens. Two inputs
that agree on their last R tokens and have different targets at the end need `sum(w_i - 1) >= R`. The inputs here have
the greatest R that there is. Source: docs/theory.md, Theorem 3.1 and table 3.2.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from plait.checks import check_integer
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.bound import Bound
from plait.theory.certificate import reach_certificate
from plait.theory.families.family import LONGEST, MOST_LENGTH

Pair = tuple[list[int], list[int]]


def attention_reach(task: object, seq_len: int) -> Bound:
    """The greatest R such that windows with `sum(w - 1) < R` fail on some input of `seq_len` tokens.

    A convolution of length K adds K - 1 to the sum; a recurrent layer has no such limit. It is a worst case: the inputs
    may be rare in sampled data.

    Args:
        task: a task of plait.
        seq_len: tokens.

    Raises:
        ValueError: a task without a closed form, or a seq_len below 1 or above `LONGEST`.
    """
    check_integer("seq_len", seq_len, least=1, most=LONGEST)
    pair = reach_inputs(task, seq_len)
    if pair is None:
        statement = f"No two inputs of {seq_len} tokens have different targets at the end."
        return Bound(quantity="reach", value=0, statement=statement)
    tokens = agreement(*pair)
    certificate = reach_certificate(task, tokens, pair) if seq_len <= MOST_LENGTH else None
    return Bound(
        quantity="reach",
        value=tokens,
        certified=None if certificate is None else tokens,
        certificate=certificate,
        statement=(
            f"Attention whose windows sum to less than {tokens} over the query itself (sum(w - 1) < {tokens}) is wrong "
            f"at the end of one of two inputs of {seq_len} tokens that agree on their last {tokens}."
        ),
    )


def agreement(a: list[int], b: list[int]) -> int:
    """How many of their last tokens two inputs share."""
    return next(i for i in range(len(a)) if a[-1 - i] != b[-1 - i])


def has_reach(task: object) -> bool:
    """Whether the greatest reach of the task is known."""
    return known_of(task, _INPUTS) is not None


def reach_inputs(task: object, seq_len: int) -> Pair | None:
    """Two inputs that agree as far back as can be, their targets at the end being defined and different.

    Raises:
        ValueError: a task without a closed form.
    """
    inputs = known_of(task, _INPUTS)
    if inputs is None:
        raise ValueError(
            f"{type(task).__name__} has no closed form; find_reach searches for inputs, given its targets"
        )
    return inputs(task, seq_len)


def _copying(task: SelectiveCopying, seq_len: int) -> Pair | None:
    """A number at the start points to different words; or the start itself is what a number points to."""
    words, last = task.n_words, seq_len - 1
    inside = [value for value in task.numbers if value <= last]
    token = {value: words + index for index, value in enumerate(task.numbers)}
    if not inside:
        return None
    if last not in inside and len(inside) > 1 and words > 1:
        rest = [0] * last
        rest[last - inside[0] - 1] = 1
        return [token[inside[0]], *rest], [token[inside[1]], *rest]
    far = max(inside)
    rest = [token[far], *[0] * (far - 1)]
    before = [0] * (last - far)
    return [*before, 0, *rest], [*before, token[far], *rest]


def _associative(task: AssociativeRecall, seq_len: int) -> Pair | None:
    """The follower of the first word, asked for at the end."""
    return _first_follower(task.n_words, seq_len, [])


def _needle(task: Needle, seq_len: int) -> Pair | None:
    """The word after a marker A at the start."""
    if seq_len < 3 or task.n_words < 2:
        return None
    rest = [*[0] * (seq_len - 3), task.n_words + 1]
    return [task.n_words, 0, *rest], [task.n_words, 1, *rest]


def _decoding(task: DecodingRecall, seq_len: int) -> Pair | None:
    """The register's only bit at the start, or a word there instead; if bits come last, the first follower."""
    words, bits = task.n_words, task.n_bits
    if task.variant == "last":
        zero = [words] * bits
        if seq_len == bits + 1:
            return [0, *zero], [words // 2, words + 1, *zero[1:]]
        return _first_follower(words, seq_len - bits + 1, zero) if seq_len > bits else None
    if seq_len < 3:
        return ([0, 0], [0, 1]) if seq_len == 2 else None
    rest = [*[1] * (seq_len - 2), 0]
    return [words + 1, *rest], [0, *rest]


def _multi_key(task: MultiKeyRecall, seq_len: int) -> Pair | None:
    """A key that ends one position later in one input; where it overlaps itself, two periods (Fine and Wilf)."""
    n, k = task.n_words, task.key_length
    if n == 1 or seq_len < k + 2:
        return None
    if k == 1:
        pair = _first_follower(n, seq_len - 1, [])
        return None if pair is None else ([0, *pair[0]], [0, *pair[1]])
    if seq_len >= 2 * k + 2:
        key, rest = [0, *[1] * (k - 1)], [0] * (seq_len - 2 * k - 2)
        return [0, *key, 1, *rest, *key], [1, 1, *key, *rest, *key]
    shift = seq_len - k - 2
    if shift == 0:
        return [0] * seq_len, [1] * seq_len
    shared = _two_periods(shift, shift + 1)
    return _extended(shared, shift + 1, seq_len), _extended(shared, shift, seq_len)


def _first_follower(n_words: int, seq_len: int, query: list[int]) -> Pair | None:
    """Rows `0 y 2 2 .. 2 (query or 0)` for y = 1 and 2; with two words, the follower of the last 0.

    `seq_len` counts a query of several tokens as one.
    """
    query = query or [0]
    if n_words < 2 or seq_len < 2:
        return None
    if seq_len == 2:
        return ([0, 0], [1, 1]) if query == [0] else None
    if n_words == 2:
        ones = [1] * (seq_len - 3)
        return [*ones, 0, 0, *query], [*ones, 0, 1, *query]
    rest = [2] * (seq_len - 3)
    return [0, 1, *rest, *query], [0, 2, *rest, *query]


def _two_periods(p: int, q: int) -> list[int]:
    """The word of length p + q - 2 with periods p and q (coprime) that is not constant, in letters 0 and 1."""
    length = p + q - 2
    letters, stack = [1] * length, [0] if length else []
    while stack:
        i = stack.pop()
        if letters[i]:
            letters[i] = 0
            stack += [j for j in (i - p, i + p, i - q, i + q) if 0 <= j < length]
    return letters


def _extended(end: list[int], period: int, length: int) -> list[int]:
    """The word of that period with the given end; 1 where the end is too short to say."""
    word = list(end)
    while len(word) < length:
        word.insert(0, word[period - 1] if period <= len(word) else 1)
    return word


_INPUTS: Mapping[type, Callable[[Any, int], Pair | None]] = MappingProxyType(
    {
        SelectiveCopying: _copying,
        AssociativeRecall: _associative,
        MultiKeyRecall: _multi_key,
        DecodingRecall: _decoding,
        Needle: _needle,
    }
)
