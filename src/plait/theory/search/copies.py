"""Places whose tokens come out as answers, found all at once: which query copies which place of the prefix.

    prefixes   b a d c | a c        some places random, the others as in a base
    suffix     |  x x x              the answers at its positions are  b a d c: one column copies each place

Random suffixes rarely hit what a task asks by, so those of one first token and a run of another are tried as well. So
are prefixes that begin with one token that stays: a mark or a number may decide what comes out of all that follows. A
token whose presence spoils other answers (a separator, a mark) is dropped from the values, one after the other, as
long as the family gets no smaller by it. Source: docs/theory.md, 4.8.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import Oracle, asking_suffixes

_TRIED, _CHECKED = (12, 36), 300
_CELLS = 300_000
"""Answers that one round may ask for: prefixes times suffixes times their length."""

_BEST_COLUMNS = 3
"""For each place so many columns are looked at twice."""

_MOST_SUFFIXES = 1_200
"""Suffixes of a round; the rows, rates and tries below are effort alone (`plait.theory.search`)."""
_MOST_LEADS, _LEAD_SUFFIXES = 64, 8
_LEAST_RATE, _LED_RATE = 0.3, 0.9
_NOISE, _SURE = 0.02, 0.95
_TRIES = 12
_LEAP = 7_919
_SETTLED = 0.25
"""Bits that a family may lose for being read more surely."""


@dataclass(frozen=True, kw_only=True)
class _Copied:
    """Free places, the (suffix, position) that copies each, and the values that all of them may hold."""

    base: np.ndarray
    places: np.ndarray
    suffixes: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    def contents(self, oracle: Oracle, n_rows: int) -> np.ndarray:
        rows = np.tile(self.base, (n_rows, 1))
        shape = (n_rows, len(self.places))
        rows[:, self.places] = self.values[oracle.integers(len(self.values), shape)]
        return rows

    def right(self, oracle: Oracle, rows: np.ndarray) -> np.ndarray:
        """Whether each free place of each prefix comes out, `(prefix, place)`."""
        numbers, positions = np.divmod(self.columns, self.suffixes.shape[1])
        used, at = np.unique(numbers, return_inverse=True)
        got = oracle.answers(rows, self.suffixes[used])[:, at, positions]
        return got == rows[:, self.places]


def copied_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """A family a round, or None: cuts and alphabets drawn afresh, every other time near the best that was found."""
    cuts, best, most = _cuts(oracle.seq_len), None, 0.0
    for number in count():
        if oracle.left() <= 0:
            return
        cut, letters = cuts[number // 2 % len(cuts)], oracle.some_tokens()
        if number % 2:
            cut, letters = (cuts[0], letters) if best is None else _near(oracle, best)
        copied = _all_at_once(oracle, cut, letters)
        if copied is None:
            yield None
            continue
        copied = _without_spoilers(oracle, _grown(oracle, copied))
        family = _family(oracle, copied)
        bits = math.log2(family.size * max(float(family.share), 2**-20))  # a share of 0 has no logarithm
        if bits > most:
            best, most = copied, bits
        yield family


def _near(oracle: Oracle, best: _Copied) -> tuple[int, np.ndarray]:
    """A cut that is a few tokens from the best family's, and its values."""
    cut = len(best.base) + int(oracle.integers(5, (1,))[0]) - 2  # two fewer to two more
    return min(max(1, cut), oracle.seq_len - 1), best.values


def _cuts(length: int) -> list[int]:
    """Where a prefix may end, the middle and the thirds first, then all others in leaps."""
    first = [length // 2, length // 3, 2 * length // 3, length // 2 - 1, length // 5]
    leaps = [1 + (length // 2 + number * _LEAP) % (length - 1) for number in range(length - 1)]
    return list(dict.fromkeys(cut for cut in [*first, *leaps] if 1 <= cut < length))


def _all_at_once(oracle: Oracle, cut: int, letters: np.ndarray) -> _Copied | None:
    """The query that copies each place best, among prefixes of which each place is random or as in the base."""
    width = min(oracle.seq_len - cut, cut + 4)  # the prefix again, and a few tokens that ask for it
    suffixes = asking_suffixes(oracle, min(_MOST_SUFFIXES, max(24, _CELLS // (_TRIED[0] * width))), width)
    base = letters[oracle.integers(len(letters), (cut,))]
    # 2 of 5 a random base, 3 of one token, the last of them led by another.
    kind = oracle.integers(5, (1,))[0]
    base = base if kind < 2 else np.full(cut, base[0])
    free = np.arange(cut) >= (kind == 4)
    if kind == 4:
        base[0], letters = _led(oracle, base, letters, width)
    rates = _copy_rates(oracle, base, letters, suffixes, _TRIED[0], free)
    best = np.argsort(-rates, axis=1)[:, :_BEST_COLUMNS]
    suffixes = suffixes[np.unique(best[rates.max(1) >= _LEAST_RATE] // width)]
    if not len(suffixes):
        return None
    rates = _copy_rates(oracle, base, letters, suffixes, _TRIED[1], free)
    places = np.flatnonzero(rates.max(1) >= _LEAST_RATE)
    if not len(places):
        return None
    columns = _few_suffixes(rates[places], width)
    return _Copied(base=base, places=places, suffixes=suffixes, columns=columns, values=letters)


def _led(oracle: Oracle, base: np.ndarray, letters: np.ndarray, width: int) -> tuple[int, np.ndarray]:
    """The token that, first in every prefix, has most places copied by a few suffixes (a mark, a number, a mode), and
    the letters that in one place leave the others copied."""
    order = np.argsort(oracle.integers(2**20, (len(oracle.tokens),)), kind="stable")
    suffixes, free = asking_suffixes(oracle, _LEAD_SUFFIXES, width), np.arange(len(base)) > 0
    two = np.append(base[1:2], letters[oracle.integers(len(letters), (1,))])
    best, places, columns = int(base[0]), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for lead in oracle.tokens[order][:_MOST_LEADS].tolist():
        rates = _copy_rates(oracle, np.array([lead, *base[1:]]), two, suffixes, _TRIED[0], free)
        copied = np.flatnonzero(rates.max(1) >= _LED_RATE)
        if len(copied) > len(places):
            best, places, columns = lead, copied, rates.argmax(1)[copied]
    if not len(places):
        return best, letters
    rows = two[oracle.integers(len(two), (len(letters) * _TRIES, len(base)))]
    rows[:, 0] = best
    at = places[oracle.integers(len(places), (len(rows),))]
    rows[np.arange(len(rows)), at] = np.repeat(letters, _TRIES)
    right = oracle.answers(rows, suffixes).reshape(len(rows), -1)[:, columns] == rows[:, places]
    harmless = letters[right.mean(1).reshape(-1, _TRIES).mean(1) >= _LED_RATE]
    return best, harmless if len(harmless) > 1 else letters


def _copy_rates(
    oracle: Oracle,
    base: np.ndarray,
    letters: np.ndarray,
    suffixes: np.ndarray,
    n_rows: int,
    free: np.ndarray,
) -> np.ndarray:
    """How often each column is the token at each place, `(place, column)`, where that is as in the base and where not:
    the lesser of both, so that a constant answer counts for nothing."""
    fresh = letters[oracle.integers(len(letters), (n_rows, len(base)))]
    # None to three quarters of a row; of a base of many tokens, which may name each other's places, a quarter at least.
    least = int(len(np.unique(base)) > 2)
    kept = oracle.integers(4, fresh.shape) < least + oracle.integers(4 - least, (n_rows, 1))
    rows = np.where(kept | ~free, base, fresh)
    answers = oracle.answers(rows, suffixes).reshape(n_rows, -1)
    rates = np.zeros((len(base), answers.shape[1]))
    for place, usual in enumerate(base):
        other = rows[:, place] != usual
        if other.any() and not other.all():
            equal = answers == rows[:, place, None]
            rates[place] = np.minimum(equal[other].mean(0), equal[~other].mean(0))
    return rates


def _grown(oracle: Oracle, copied: _Copied) -> _Copied:
    """Its surest places, with every value that, put in one place of otherwise known ones, comes out without harm."""
    right = copied.right(oracle, copied.contents(oracle, _CHECKED))
    kept = np.flatnonzero(right.mean(0) >= _SURE)
    if not len(kept):
        kept, _ = _worth_keeping(right, len(copied.values))
    copied = replace(copied, places=copied.places[kept], columns=copied.columns[kept])
    known, others = copied.values, np.setdiff1d(oracle.tokens, copied.values)
    if not len(others):
        return copied
    rows = copied.contents(oracle, len(others) * _TRIES)
    places = copied.places[oracle.integers(len(copied.places), (len(rows),))]
    rows[np.arange(len(rows)), places] = np.repeat(others, _TRIES)
    harmless = copied.right(oracle, rows).all(1).reshape(-1, _TRIES).sum(1) >= _TRIES - 2
    return replace(copied, values=np.sort(np.concatenate([known, others[harmless]])))


def _few_suffixes(rates: np.ndarray, width: int) -> np.ndarray:
    """For each place a column of (nearly) its best rate, from as few suffixes as a greedy choice needs."""
    good = rates >= rates.max(1, keepdims=True) - _NOISE
    by_suffix = good.reshape(len(good), -1, width).any(2)
    columns, left = np.zeros(len(good), dtype=np.int64), np.ones(len(good), dtype=bool)
    while left.any():
        suffix = int(by_suffix[left].sum(0).argmax())
        for place in np.flatnonzero(left & by_suffix[:, suffix]):
            columns[place] = suffix * width + int(good[place, suffix * width : (suffix + 1) * width].argmax())
        left &= ~by_suffix[:, suffix]
    return columns


def _without_spoilers(oracle: Oracle, copied: _Copied) -> _Copied:
    """The best of the families that arise as the token that spoils most answers is dropped, again and again."""
    best, most = copied, -1.0
    while True:
        rows = copied.contents(oracle, _CHECKED)
        right = copied.right(oracle, rows)
        kept, bits = _worth_keeping(right, len(copied.values))
        if bits >= most - _SETTLED:
            best = replace(copied, places=copied.places[kept], columns=copied.columns[kept])
            most = max(most, bits)
        harm = _harm(rows[:, copied.places], right, copied.values)
        if oracle.left() <= 0 or len(copied.values) <= 2 or harm.max() <= _NOISE:
            return best
        copied = replace(copied, values=copied.values[harm < max(harm.max() / 2, _NOISE)])
        if len(copied.values) < 2:
            return best


def _worth_keeping(right: np.ndarray, n_values: int) -> tuple[np.ndarray, float]:
    """The places, surest first, up to where one more would cost more contents than it adds; and their bits."""
    order = np.argsort(-right.mean(0), kind="stable")
    together = np.logical_and.accumulate(right[:, order], axis=1).sum(0)
    # None together has no logarithm.
    bits = np.arange(1, len(order) + 1) * math.log2(n_values) + np.log2((together + 0.1) / len(right))
    bits[together < len(right) // 20] = -1  # seen too rarely for a share
    return np.sort(order[: int(bits.argmax()) + 1]), float(bits.max())


def _harm(tokens: np.ndarray, right: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How much rarer right answers are in contents that hold each value than in those that do not."""
    score, harm = right.mean(1), np.zeros(len(values))
    for number, value in enumerate(values.tolist()):
        held = (tokens == value).any(1)
        if 3 <= held.sum() <= len(held) - 3:  # a few on either side, for a spread
            spread = score.std() * math.sqrt(1 / held.sum() + 1 / (~held).sum())
            # What chance does not explain.
            harm[number] = score[~held].mean() - score[held].mean() - 3 * spread
        elif held.sum() > len(held) - 3:
            harm[number] = ((tokens == value).sum(1) * (score.mean() - score)).mean()
    return harm


def _family(oracle: Oracle, copied: _Copied) -> StateFamily:
    """The family, measured on fresh contents."""
    right = copied.right(oracle, copied.contents(oracle, _CHECKED)).all(1).sum()
    numbers, positions = np.divmod(copied.columns, copied.suffixes.shape[1])
    used, at = np.unique(numbers, return_inverse=True)
    ends = [int(positions[at == number].max()) + 1 for number in range(len(used))]
    queries = list(zip(at.tolist(), positions.tolist(), strict=True))
    listed = sorted(set(queries))
    return StateFamily(
        description=f"{len(copied.places)} of {len(copied.base)} tokens, each one of {len(copied.values)} values",
        size=len(copied.values) ** len(copied.places),
        share=least_success_rate(int(right), _CHECKED, ALPHA),
        prefix_length=len(copied.base),
        suffixes=[copied.suffixes[suffix, :end].tolist() for suffix, end in zip(used, ends, strict=True)],
        queries=listed,
        tables=[copied.values.tolist()],
        codec={
            "kind": "slots",
            "base": copied.base.tolist(),
            "slots": [
                {"at": [place], "values": 0, "reads": [listed.index(query)]}
                for place, query in zip(copied.places.tolist(), queries, strict=True)
            ],
        },
    )
