"""Tables of records: what they hold, how much of it comes back, and the family that they are.

    prefix     k3 v . k0 v . k5 v        each v one of some values
    suffixes   k3 | k0 | k5              the answer at the end of each tells one v, whatever the others are

Source: docs/theory.md, 4.8.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families.family import StateFamily, Suffixes
from plait.theory.search.oracle import UNDEFINED, Oracle

SURE = 0.98
"""The share of contents that come back from which a table is taken as it was measured."""

TOKENS = 2_000_000
"""Of a step, in all its rows: effort."""

_CHECKED, _SAMPLES, _PER_VALUE = 300, 400, 6
_LEAST_SHARE = 0.1
"""Contents of a family, and of a step and each value, and the share that must come back: effort
(`plait.theory.search`)."""

VALUE = -1
"""In a form: the value itself."""

Form = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """Fixed tokens, behind them one of the values, and the suffix that reads it, `VALUE` in it being the value."""

    before: Form
    form: Form
    values: np.ndarray

    @property
    def names_value(self) -> bool:
        return VALUE in self.form

    def suffixes(self) -> list[Form]:
        """One for all values, or each value's own."""
        if not self.names_value:
            return [self.form]
        return [
            tuple(value if item == VALUE else item for item in self.form) for value in self.values.tolist()
        ]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A record in the prefix: where its value stands, and what is answered to each."""

    place: int
    record: Record
    answers: np.ndarray

    def right(self, got: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Whether the answers to the suffixes, `(row, suffix)`, say what was chosen."""
        if not self.record.names_value:
            return got[:, 0] == self.answers[chosen]
        fits = got == self.answers
        asked = np.arange(got.shape[1]) < chosen[:, None]  # and answered otherwise, before the one that fits
        return (~asked | ((got != UNDEFINED) & ~fits)).all(1) & fits[np.arange(len(got)), chosen]

    def only(self, kept: np.ndarray) -> "Placed":
        record = replace(self.record, values=self.record.values[kept])
        return replace(self, record=record, answers=self.answers[kept])


@dataclass(frozen=True, kw_only=True)
class RecordTable:
    base: Form = ()
    placed: tuple[Placed, ...] = ()
    share: float = 1.0

    @property
    def bits(self) -> float:
        return sum(math.log2(len(one.answers)) for one in self.placed) + math.log2(self.share)

    @property
    def longest(self) -> int:
        return max((len(one.record.form) for one in self.placed), default=1)

    def measured(self, oracle: Oracle, n_rows: int) -> "RecordTable":
        """With the share of fresh contents that come back: choosing values by some contents flatters these."""
        share = float(self.right(oracle, *self.contents(oracle, n_rows)).mean())
        return replace(self, share=max(share, 1 / n_rows))

    def contents(self, oracle: Oracle, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Random contents, and the number of the value in each record."""
        rows = np.tile(np.array(self.base, dtype=np.int64), (n_rows, 1))
        chosen = np.zeros((n_rows, len(self.placed)), dtype=np.int64)
        for number, one in enumerate(self.placed):
            chosen[:, number] = oracle.integers(len(one.answers), (n_rows,))
            rows[:, one.place] = one.record.values[chosen[:, number]]
        return rows, chosen

    def right(self, oracle: Oracle, rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Whether each row is read back; it may go on behind the table."""
        if not self.placed:
            return np.ones(len(rows), dtype=bool)
        suffixes = [one.record.suffixes() for one in self.placed]
        every = list(dict.fromkeys(suffix for some in suffixes for suffix in some))
        number = {suffix: place for place, suffix in enumerate(every)}
        answers = last_answers(oracle, rows, every)
        right = [
            one.right(answers[:, [number[suffix] for suffix in some]], chosen[:, place])
            for place, (one, some) in enumerate(zip(self.placed, suffixes, strict=True))
        ]
        return np.all(right, axis=0)


def last_answers(oracle: Oracle, rows: np.ndarray, suffixes: Sequence[Form]) -> np.ndarray:
    """The answer at the end of each suffix, `(row, suffix)`."""
    answers = np.full((len(rows), len(suffixes)), UNDEFINED, dtype=np.int64)
    for length in sorted({len(suffix) for suffix in suffixes}):
        some = [number for number, suffix in enumerate(suffixes) if len(suffix) == length]
        answers[:, some] = oracle.answers(rows, np.array([suffixes[number] for number in some]))[:, :, -1]
    return answers


def with_record(oracle: Oracle, table: RecordTable, record: Record) -> RecordTable | None:
    """The table with the record, without the values that cost more than they tell."""
    n_suffixes = len(record.suffixes()) + sum(len(one.record.suffixes()) for one in table.placed)
    length = len(table.base) + len(record.before) + 3
    n_rows = min(max(_SAMPLES, _PER_VALUE * len(record.values)), max(100, TOKENS // (n_suffixes * length)))
    rows, chosen = table.contents(oracle, n_rows)
    new = np.arange(n_rows) % len(record.values)
    fixed = np.tile(np.array(record.before, dtype=np.int64), (n_rows, 1))
    rows = np.concatenate([rows, fixed, record.values[new][:, None]], axis=1)
    got = last_answers(oracle, rows, record.suffixes())
    own = got[np.arange(n_rows), new if record.names_value else 0]
    answers = np.array([usual_answer(own[new == number]) for number in range(len(record.values))])
    if not record.names_value:
        first = np.unique(answers, return_index=True)[1]
        good = np.isin(np.arange(len(answers)), first) & (answers != UNDEFINED)
    else:
        good = answers != UNDEFINED
    if good.sum() < 2:
        return None
    placed = Placed(place=rows.shape[1] - 1, record=record, answers=answers)
    right = placed.right(got, new) & good[new]
    alive = good[new]
    if placed.right(got, new)[alive].mean() < 0.05:
        return None
    right &= table.right(oracle, rows, chosen)
    everything = [*table.placed, placed]
    picks = np.concatenate([chosen, new[:, None]], axis=1)
    kept = [np.ones(len(one.answers), dtype=bool) for one in everything]
    kept[-1] = good
    share = without_spoilers(picks, right, alive, kept)
    if share is None:
        return None
    base = (*table.base, *record.before, int(record.values[0]))
    placed = tuple(one.only(some) for one, some in zip(everything, kept, strict=True))
    grown = RecordTable(base=base, placed=placed, share=share)
    return grown if share > SURE else grown.measured(oracle, n_rows)


def followed_by(contexts: np.ndarray, before: Form, values: np.ndarray) -> np.ndarray:
    """Each context with the tokens and each value behind it, `(context * value, place)`."""
    rows = np.repeat(contexts, len(values), axis=0)
    fixed = np.tile(np.array(before, dtype=np.int64), (len(rows), 1))
    return np.concatenate([rows, fixed, np.tile(values, len(contexts))[:, None]], axis=1)


def some_tokens(oracle: Oracle, tokens: np.ndarray, most: int) -> np.ndarray:
    """All tokens, or so many random ones."""
    if len(tokens) <= most:
        return tokens
    return np.sort(tokens[np.argsort(oracle.integers(2**20, (len(tokens),)), kind="stable")[:most]])


def some_products(oracle: Oracle, tokens: np.ndarray, repeat: int, most: int) -> list[Form]:
    """All rows of so many tokens in a random order, or so many random ones."""
    if len(tokens) ** repeat <= 4 * most:
        rows = list(product(tokens.tolist(), repeat=repeat))
        order = np.argsort(oracle.integers(2**20, (len(rows),)), kind="stable")[:most]
        return [rows[number] for number in order]
    return list(dict.fromkeys(map(tuple, oracle.rows(most, repeat).tolist())))


def told_apart(table: np.ndarray) -> np.ndarray:
    """How many values each suffix tells apart in every context, `table[context, value, suffix]`."""
    steady = (table == table[:1]).all(0) & (table[0] != UNDEFINED)
    ordered = np.sort(np.where(steady, table[0], UNDEFINED), axis=0)
    different = (ordered[1:] != ordered[:-1]).sum(0)
    return different + (ordered[0] != UNDEFINED)


def usual_answer(answers: np.ndarray) -> int:
    """The most frequent defined answer."""
    defined = answers[answers != UNDEFINED]
    if 2 * len(defined) < len(answers) or not len(defined):
        return UNDEFINED
    values, counts = np.unique(defined, return_counts=True)
    return int(values[counts.argmax()])


def without_spoilers(
    picks: np.ndarray, right: np.ndarray, alive: np.ndarray, kept: list[np.ndarray]
) -> float | None:
    """The share that comes back without the values that spoil most for their bits, given up one after the other as long
    as that leaves more contents. `kept`, what remains of each record's values, is changed. None if too few come back.

    Args:
        picks: the number of each record's value, `(row, record)`.
        right: whether a row came back.
        alive: the rows without values that were given up.
    """
    alive, now = alive.copy(), [some.copy() for some in kept]
    best, share = -math.inf, None
    while alive.sum() >= 20:
        n, wrong = int(alive.sum()), alive & ~right
        fraction = 1 - wrong.sum() / n
        bits = sum(math.log2(some.sum()) for some in now) + math.log2(max(fraction, 1e-9))
        if fraction >= _LEAST_SHARE and bits > best + 1e-9:
            best, share = bits, float(fraction)
            for some, those in zip(kept, now, strict=True):
                some[:] = those
        if not wrong.any():
            break
        worst, at = 0.0, None
        for record, some in enumerate(now):
            if some.sum() < 3:
                continue
            held = np.bincount(picks[alive, record], minlength=len(some))
            spoilt = np.bincount(picks[wrong, record], minlength=len(some))
            rate = np.where(some & (held > 0), spoilt / np.maximum(held, 1), 0)
            blame = np.where(rate > 1.2 * (1 - fraction), spoilt, 0) / math.log2(
                some.sum() / (some.sum() - 1)
            )
            if blame.max() > worst:
                worst, at = float(blame.max()), (record, int(blame.argmax()))
        if at is None:
            break
        now[at[0]][at[1]] = False
        alive &= picks[:, at[0]] != at[1]
    return share


def record_family(oracle: Oracle, table: RecordTable) -> StateFamily:
    """The family, measured on fresh contents."""
    rows, chosen = table.contents(oracle, _CHECKED)
    right = int(table.right(oracle, rows, chosen).sum())
    asked, slots, size = Suffixes(), [], 1
    for one in table.placed:
        values, answers = one.record.values.tolist(), one.answers.tolist()
        reads = [asked.ask(suffix) for suffix in one.record.suffixes()]
        slot: dict[str, object] = {"at": [one.place], "values": values, "reads": reads}
        if one.record.names_value:
            slot["answers"] = [
                [answer if row == column else None for column in range(len(reads))]
                for row, answer in enumerate(answers)
            ]
        elif answers != values:
            slot["answers"] = answers
        slots.append(slot)
        size *= len(values)
    counts = sorted({len(one.answers) for one in table.placed})
    shown = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return StateFamily(
        description=f"{len(slots)} records in {len(table.base)} tokens, each with one of {shown} values",
        size=size,
        share=least_success_rate(right, _CHECKED, ALPHA),
        prefix_length=len(table.base),
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={"kind": "slots", "base": list(table.base), "slots": slots},
    )
