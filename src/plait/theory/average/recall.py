"""Recall: what S states can be right about at most, on the sampled rows.

Cut a row anywhere. A state is one guess at the follower of each key. Tokens are independent, so a guess is right about
each follower that the prefix holds with the chance of one token, whatever came before; and what is asked behind the cut
does not depend on the prefix. So the answers that cross a cut score like weighted coins, one for each of the last
tokens. An answer crosses the cuts between the follower that it wants and the key that asks for it; its worth is divided
among those that are at most `span` tokens behind the follower. Answers that cross none are taken to be right. Source:
docs/theory.md, Theorem 13.4.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall
from plait.theory.average.tails import covered, score_tails

SPANS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Tokens before a cut that are tried as its part of the content."""

EXACT, ROUNDED, _LONGEST = 128, 32, 1_000
"""Tokens of a row up to which each cut counts by itself; beyond, what is left of the row is rounded up; and at most."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the distribution of a recall task asks, on rows of one length.

    Args:
        scored: expected scored positions.
        crossing: expected scored positions that cross a cut.
        chance: of a guess at one follower.
        asks: `asks[d][j]`: for a follower in the prefix, the expected number of answers at place j behind the cut that
            want it and whose key begins, or is spelled from, place d.
        free: answers that are right in any case, as a share of those that cross.
    """

    scored: float
    crossing: float
    chance: float
    asks: np.ndarray
    free: float = 0.0


def recall_ceiling(
    task: AssociativeRecall | MultiKeyRecall | DecodingRecall, seq_len: int, bits: np.ndarray
) -> np.ndarray:
    """An upper bound on the accuracy at each number of bits.

    Raises:
        ValueError: decoding recall with bits last, or rows that are too long.
    """
    if seq_len > _LONGEST:
        raise ValueError(
            f"a ceiling is computed for rows of at most {_LONGEST} tokens of recall, got {seq_len}"
        )
    states = 2.0 ** np.minimum(bits, 1000.0)  # beyond, a float64 would overflow
    best = np.ones(len(bits))
    for asked in _readings(task, seq_len):
        if asked.scored <= 0:
            continue
        for span in SPANS:
            if span <= 2 * seq_len:
                best = np.minimum(best, _ceiling(asked, seq_len, span, states))
    if isinstance(task, AssociativeRecall) or (isinstance(task, MultiKeyRecall) and task.key_length == 1):
        best = np.minimum(best, word_answers(task, seq_len, states))
    return best


def word_answers(task: AssociativeRecall | MultiKeyRecall, seq_len: int, states: np.ndarray) -> np.ndarray:
    """Of one answer alone, keys being single words: at each place, S states and the word there give at most S.

    Reached by one state. The word itself is the target if it is the one before too; all others are alike.
    """
    n, first = task.n_words, int(isinstance(task, MultiKeyRecall))
    # 2^bits may round to below the integer that it is: a ceiling may not lose a state by that.
    counted = np.minimum(np.floor(states + 1e-9), n).astype(int) - 1
    right, scored = np.zeros(len(states)), 0.0
    for t in range(first + 1, seq_len):
        asked = 1 - (1 - 1 / n) ** (t - first)
        wanted = np.full(n, (asked - 1 / n) / max(n - 1, 1))
        wanted[0] = 1 / n
        right += np.sort(wanted)[::-1].cumsum()[counted]
        scored += asked
    return right / scored if scored else np.ones(len(states))


def recall_scored(task: AssociativeRecall | MultiKeyRecall | DecodingRecall, seq_len: int) -> float:
    """Expected scored positions of a row.

    Raises:
        ValueError: decoding recall with bits last.
    """
    return next(iter(_readings(task, seq_len))).scored


def _ceiling(asked: _Asked, seq_len: int, span: int, states: np.ndarray) -> np.ndarray:
    """Answers that cross no cut, and of the others what all cuts can score, or all of them."""
    total = np.zeros(len(states))
    alike = Counter(
        (
            min(span, cut),
            min(seq_len, -(-(seq_len - cut) // ROUNDED) * ROUNDED if seq_len > EXACT else seq_len - cut),
        )
        for cut in range(1, seq_len)
    )
    for (places, room), times in alike.items():
        weights = _weights(asked, room, places, span)
        if weights.max(initial=0) > 0:
            total += times * covered(*score_tails(weights, asked.chance), states)
    most = asked.crossing * (1 - asked.free)
    return np.minimum(1.0, (asked.scored - most + np.minimum(most, total)) / asked.scored)


def _weights(asked: _Asked, room: int, places: int, span: int) -> np.ndarray:
    """What a right guess at the follower `a` tokens before the cut is worth, for a = 1, .., places."""
    asks = asked.asks[:room, :room]
    ahead = np.arange(asks.shape[0])
    by_begin = asks.sum(1)
    return np.array([(by_begin / np.minimum(age + ahead, span)).sum() for age in range(1, places + 1)])


def _readings(task: AssociativeRecall | MultiKeyRecall | DecodingRecall, seq_len: int) -> Iterator[_Asked]:
    if isinstance(task, DecodingRecall):
        if task.variant == "last":
            raise ValueError("a ceiling is known for decoding recall with interleaved bits, got bits last")
        yield from _spelled(task, seq_len)
    else:
        k = task.key_length if isinstance(task, MultiKeyRecall) else 1
        yield _keyed(task.n_words, k, seq_len, recorded=k if isinstance(task, MultiKeyRecall) else 0)


def _keyed(n: int, k: int, seq_len: int, *, recorded: int) -> _Asked:
    """Keys of k letters. Those that overlap themselves come back at other times than those that do not."""
    scored = crossing = 0.0
    first = np.zeros(seq_len)
    for share, borders in _overlaps(n, k):
        back = _returns(
            n, k, borders, seq_len, fresh=False
        )  # back[g]: the key comes back for the first time after g
        arrives = _returns(n, k, borders, seq_len, fresh=True)
        first = np.maximum(first, arrives[1:])
        for t in range(seq_len):
            gaps = back[1 : t - recorded + 1] if t >= recorded else back[:0]
            scored += share * gaps.sum()
            crossing += share * gaps[k:].sum()
    asks = np.zeros((seq_len, seq_len))
    for end in range(k - 1, seq_len):
        asks[end - k + 1, end] = first[end]
    return _Asked(scored=scored, crossing=crossing, chance=1 / n, asks=asks)


def _overlaps(n: int, k: int) -> Iterator[tuple[float, tuple[bool, ...]]]:
    """The ways in which keys can overlap themselves, `overlap[d]`: a shift by d fits; and the share of keys of each."""
    kinds: dict[tuple[bool, ...], int] = {}

    def extend(key: list[int], used: int, ways: int) -> None:
        if len(key) == k:
            overlap = tuple(key[d:] == key[: k - d] for d in range(k))
            kinds[overlap] = kinds.get(overlap, 0) + ways
            return
        for letter in range(min(used + 1, n)):
            new = letter == used
            extend([*key, letter], used + new, ways * (n - used if new else 1))

    extend([], 0, 1)
    for overlap, ways in kinds.items():
        yield ways / n**k, overlap


def _returns(n: int, k: int, overlap: tuple[bool, ...], length: int, *, fresh: bool) -> np.ndarray:
    """The chance that a key is seen for the first time at letter g = 1, .., `length` of independent ones; not `fresh`:
    the letters follow on an earlier occurrence, which may count as the beginning.

    By the identity of first occurrences: the key stands at letter g if it came first at g - d, and its end fits.
    """
    first = np.zeros(length + 1)
    for g in range(1, length + 1):
        here = n**-k if g >= k else 0.0
        if g < k and not fresh and overlap[g]:
            here = n**-g
        earlier = sum(
            first[g - d] * (n**-d if d < k and overlap[d] else 0.0 if d < k else n**-k) for d in range(1, g)
        )
        first[g] = here - earlier
    return np.maximum(first, 0.0)


def _spelled(task: DecodingRecall, seq_len: int) -> Iterator[_Asked]:
    """Words asked for by a register of bits.

    Followers are words, or bits, which are likelier: either all guesses have the better chance, or answers that are
    bits count as right.
    """
    b, w, p = task.n_bits, task.n_words, task.p_bit
    q = 1 - p
    scored = sum(1 - (1 - q / w) ** t for t in range(seq_len))
    asks, crossing = np.zeros((seq_len, seq_len)), 0.0
    absent, in_between = 1 - q / w, 1 - 1 / w
    for begin in range(seq_len):
        for end in range(begin + b - 1, seq_len):
            inside = end - begin
            ends_in_bit = _ways(inside - 1, b - 2) if b > 1 else float(inside == 0)
            ends_in_word = _ways(inside - 1, b - 1) if inside else 0.0
            words_if_bit, words_if_word = inside + 1 - b, inside - b
            spelled = p**b * (
                ends_in_bit * q ** max(0, words_if_bit) * in_between ** max(0, words_if_bit)
                + ends_in_word * q ** max(0, words_if_word + 1) * in_between ** max(0, words_if_word)
            )
            asks[begin, end] = spelled / w * absent**begin
            if (
                begin >= 2
            ):  # the word at t', its follower and everything up to the bits: no word of that kind again
                crossing += spelled * sum(
                    q / w * absent ** (begin - 1 - before) for before in range(begin - 1)
                )
    bit, word = p / 2, q / w
    bits = p / (p + q * in_between) if p else 0.0
    yield _Asked(scored=scored, crossing=crossing, chance=max(bit, word), asks=asks)
    yield _Asked(scored=scored, crossing=crossing, chance=word, asks=asks, free=bits)


def _ways(n: int, k: int) -> float:
    return float(math.comb(n, k)) if 0 <= k <= n else 0.0
