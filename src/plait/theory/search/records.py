"""Tables grown record by record: a few fixed tokens and a free one, read by a suffix that leaves other records alone.

    prefix     k3 v . k0 v . k5 v        each v one of some values
    suffixes   k3 | k0 | k5              the answer at the end of each tells one v, whatever the others are

What a record and its suffix look like is found by trying: fixed tokens are put behind the prefix so far and a token of
any value behind them, and suffixes are asked that name the fixed ones, or any short ones. A suffix may name the value
(`v ? v`: where did v stand first?); then each value has its own, and one record after the other is asked for all.
Others of a form that was found are tried first. Values that spoil records are given up where that costs less than what
they spoil. Source: docs/theory.md, 4.8.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice, product

import numpy as np

from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families.family import StateFamily, Suffixes
from plait.theory.search.oracle import UNDEFINED, Oracle

_CHECKED, _PRUNED_BY, _SAMPLES, _PER_VALUE = 300, 1_000, 400, 6
_TOKENS = 2_000_000
_MOST_VALUES, _FEW_VALUES, _MOST_FORMED, _MOST_FIXED = 64, 8, 400, 96
_LONGEST_FIXED, _TRIED, _CONTEXTS, _POLISHED, _QUIET = 3, 5, 2, 6, 8
_LEAST_GAIN, _LEAST_SHARE, _SURE, _WHOLE, _MOSTLY = 0.4, 0.1, 0.98, 0.75, 0.4
"""Contents, samples, tokens of a step, values, fixed tokens, records looked at twice, contexts, what a record must add
in bits, and the share of contents that must come back: effort (`plait.theory.search`)."""

_VALUE = -1
"""In a form: the value itself."""

Form = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """Fixed tokens, behind them one of the values, and the suffix that reads it, `_VALUE` in it being the value."""

    before: Form
    form: Form
    values: np.ndarray

    @property
    def names_value(self) -> bool:
        return _VALUE in self.form

    def suffixes(self) -> list[Form]:
        """One for all values, or each value's own."""
        if not self.names_value:
            return [self.form]
        return [
            tuple(value if item == _VALUE else item for item in self.form) for value in self.values.tolist()
        ]


@dataclass(frozen=True, kw_only=True)
class _Placed:
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

    def only(self, kept: np.ndarray) -> "_Placed":
        record = replace(self.record, values=self.record.values[kept])
        return replace(self, record=record, answers=self.answers[kept])


@dataclass(frozen=True, kw_only=True)
class _Table:
    base: Form = ()
    placed: tuple[_Placed, ...] = ()
    share: float = 1.0

    @property
    def bits(self) -> float:
        return sum(math.log2(len(one.answers)) for one in self.placed) + math.log2(self.share)

    @property
    def longest(self) -> int:
        return max((len(one.record.form) for one in self.placed), default=1)

    def measured(self, oracle: Oracle, n_rows: int) -> "_Table":
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


def record_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """A table a round, from nothing or a few random tokens on; None while it grows. Ends where rounds find no more."""
    most, quiet = 0.0, 0
    for number in count():
        if oracle.left() <= 0 or quiet == _QUIET:
            return
        base = oracle.rows(1, min(number % 4, oracle.seq_len - 2))[0].tolist()
        growth = _Growth(oracle, _Table(base=tuple(base)))
        told = 0
        while growth.grow():
            settled = len(growth.table.placed) > told and not growth.queue
            told = len(growth.table.placed) if settled else told
            yield _family(oracle, growth.table) if settled else None
        yield _family(oracle, growth.polished()) if growth.table.placed else None
        most, quiet = (growth.table.bits, 0) if growth.table.bits > most + _LEAST_GAIN else (most, quiet + 1)


class _Growth:
    """One table: records are added until none is found or there is no room."""

    def __init__(self, oracle: Oracle, table: _Table) -> None:
        self.oracle, self.table = oracle, table
        self.queue: list[Record] = []  # of forms that were found
        self.again: list[Record] = []  # those that name the value fit at every place
        self.shorter: list[int] = []  # fixed tokens of records that a new one may have made possible
        self.failed: set[tuple[Form, Form]] = set()  # that add nothing to the table as it is
        self.lossy: tuple[float, _Table, Record] | None = None  # the best that takes from others what it adds

    def grow(self) -> bool:
        """One more record, or a step on the way to it; False where there is none."""
        if self.oracle.left() <= 0 or len(self.table.base) + 2 > self.oracle.seq_len:
            return False
        if any(self._add(record, of_known_form=True) for record in self.again):
            return True
        if self.shorter:
            self._discover(self.shorter.pop(0))
            return True
        if self.queue:
            while self.queue and self.oracle.left() > 0:
                if self._add(self.queue.pop(0), of_known_form=True):
                    break
            return True
        if any(self._discover(fixed) for fixed in range(_LONGEST_FIXED + 1)):
            return True
        if self.lossy is None:
            return False
        _, table, record = self.lossy
        self._take(table, record)
        return True

    def _room(self, fixed: int, suffix: int) -> bool:
        longest = max(self.table.longest, suffix)
        return len(self.table.base) + fixed + 1 + longest <= self.oracle.seq_len

    def _contexts(self) -> np.ndarray:
        """A few contents."""
        return self.table.contents(self.oracle, _CONTEXTS)[0]

    # --- what may come next ---------------------------------------------------------------------------------------

    def _discover(self, fixed: int) -> bool:
        """Whether a record with so many fixed tokens was added, of any form."""
        tokens, oracle = self.oracle.tokens, self.oracle
        if oracle.left() <= 0 or not self._room(fixed, 1):
            return False
        candidates = _some_products(oracle, tokens, fixed, _MOST_FIXED)
        values = _some(oracle, tokens, _FEW_VALUES if fixed else _MOST_VALUES)
        table, length = self.table, len(self.table.base) + fixed + 3
        most = _TOKENS // (len(candidates) * len(values) * _CONTEXTS * length)
        contexts, chosen = table.contents(oracle, _CONTEXTS)
        in_use = {one.record.form for one in table.placed}
        seen: list[tuple[int, int, Form, Form]] = []
        for before in candidates:
            if oracle.left() <= 0:
                return False
            suffixes = [
                suffix
                for suffix in self._suffixes(before, max(most, 4))
                if suffix not in in_use
                and (before, suffix) not in self.failed
                and self._room(fixed, len(suffix))
            ]
            if suffixes:
                rows = _followed_by(contexts, before, values)
                answers = last_answers(oracle, rows, suffixes)
                told = _told(answers.reshape(_CONTEXTS, len(values), -1))
                longer = np.array([len(suffix) for suffix in suffixes])
                worth = np.where(told > 1, told - longer, -_MOST_VALUES)  # a token more tells one value more
                best = np.argsort(-worth, kind="stable")[: _TRIED if fixed else 2 * _TRIED]
                best = best[told[best] > 1]
                kept = table.right(oracle, rows, np.repeat(chosen, len(values), 0)).mean() if len(best) else 0
                if kept > _MOSTLY:
                    seen += [
                        (number, -int(worth[at]), before, suffixes[at]) for number, at in enumerate(best)
                    ]
        seen.sort(key=lambda one: one[1])
        for _, _, before, form in [*seen[:_TRIED], *seen[_TRIED :: max(1, len(seen) // _TRIED)]]:
            record = Record(before=before, form=form, values=_some(oracle, tokens, _MOST_VALUES))
            if self._add(record):
                return True
        return fixed == 0 and len(self.table.placed) < 2 and self._naming()

    def _suffixes(self, before: Form, most: int) -> list[Form]:
        """What may ask: the fixed tokens or the last of them, alone or with another beside; then any short ones."""
        tokens = self.oracle.tokens
        other = int(tokens[self.oracle.integers(len(tokens), (1,))[0]])
        found = [before, before[-1:], (other, *before), (*before, other)] if before else []
        found += [(token,) for token in tokens.tolist()]
        n = len(tokens)
        if len(found) < most:
            pairs = (
                product(tokens.tolist(), repeat=2)
                if n * n <= most
                else map(tuple, self.oracle.rows(most, 2).tolist())
            )
            found += islice(pairs, most)
        return list(dict.fromkeys(found))[:most]

    def _naming(self) -> bool:
        """Whether a record without fixed tokens was added whose suffixes name the value, with a token before or behind
        it; where other values have no answer to that, with one more before it."""
        oracle, tokens = self.oracle, self.oracle.tokens
        values = _some(oracle, tokens, _MOST_VALUES)
        marks = _some(oracle, tokens, _MOST_VALUES).tolist()
        forms: list[Form] = [
            (_VALUE,),
            *((mark, _VALUE) for mark in marks),
            *((_VALUE, mark) for mark in marks),
        ]
        contexts = self._contexts()
        known = [self._named(contexts, form, values) for form in forms]
        best = max(range(len(forms)), key=lambda number: known[number][0])
        if known[best][0] < 2:
            return False
        form, whole = forms[best], known[best][1]
        if not whole:
            longer = [(first, *form) for first in (_VALUE, *marks)]
            told = [self._named(contexts, one, values) for one in longer]
            complete = [one for one, (n, defined) in zip(longer, told, strict=True) if n > 1 and defined]
            if not complete:
                return False
            form = complete[0]
        return self._add(Record(before=(), form=form, values=values))

    def _named(self, contexts: np.ndarray, form: Form, values: np.ndarray) -> tuple[int, bool]:
        """How many values have an answer of their own to their suffix, and whether all others have some."""
        if not self._room(0, len(form)) or self.oracle.left() <= 0:
            return 0, False
        record = Record(before=(), form=form, values=values)
        answers = last_answers(self.oracle, _followed_by(contexts, (), values), record.suffixes())
        table = answers.reshape(_CONTEXTS, len(values), len(values))
        own = np.diagonal(table, axis1=1, axis2=2)
        alone = (table == own[:, None]).sum(1) == 1
        good = ((own == own[0]) & (own != UNDEFINED) & alone).all(0)
        return int(good.sum()), bool((table[:, :, good] != UNDEFINED)[:, good].all())

    def _more_of(self, record: Record) -> None:
        """Records of the same form go into the queue, those first that tell most values."""
        oracle, tokens = self.oracle, self.oracle.tokens
        named = [token for token in dict.fromkeys(record.before) if token in record.form]
        if not named:
            return
        choices = _some_products(oracle, tokens, len(named), _MOST_FORMED)
        values = _some(oracle, tokens, 2 * _FEW_VALUES)
        records = []
        for choice in choices:
            renamed = dict(zip(named, choice, strict=True))
            before, form = (
                tuple(renamed.get(token, token) for token in part) for part in (record.before, record.form)
            )
            if (before, form) not in self.failed:
                records.append(replace(record, before=before, form=form))
        contexts = self._contexts()
        told = []
        for one in records:
            if oracle.left() <= 0:
                return
            answers = last_answers(oracle, _followed_by(contexts, one.before, values), [one.form])
            told.append(int(_told(answers.reshape(_CONTEXTS, len(values), -1))[0]))
        order = sorted(range(len(records)), key=lambda number: (len(records[number].before), -told[number]))
        self.queue = [records[number] for number in order if told[number] > 1]

    def polished(self) -> _Table:
        """The table with each value more that, alone among known ones, is told from them and spoils nothing."""
        oracle, table = self.oracle, self.table
        if oracle.left() > 0:
            rows, chosen = table.contents(oracle, _PRUNED_BY)
            kept = [np.ones(len(one.answers), dtype=bool) for one in table.placed]
            right = table.right(oracle, rows, chosen)
            share = _without_spoilers(chosen, right, np.ones(len(rows), dtype=bool), kept)
            if share is not None:
                placed = tuple(one.only(some) for one, some in zip(table.placed, kept, strict=True))
                table = replace(table, placed=placed, share=share)
        if any(one.record.names_value for one in table.placed) or oracle.left() <= 0:
            return table
        n_suffixes, length = len(table.placed), len(table.base) + table.longest
        values = _some(oracle, oracle.tokens, _TOKENS // (_POLISHED * n_suffixes**2 * length))
        if len(values) < 2:
            return table
        grown = []
        for number, one in enumerate(table.placed):
            rows, chosen = table.contents(oracle, _POLISHED * len(values))
            rows[:, one.place] = np.repeat(values, _POLISHED)
            others = replace(table, placed=(*table.placed[:number], *table.placed[number + 1 :]))
            right = others.right(oracle, rows, np.delete(chosen, number, axis=1)).reshape(
                len(values), _POLISHED
            )
            own = last_answers(oracle, rows, one.record.suffixes()).reshape(len(values), _POLISHED)
            steady = (own == own[:, :1]).all(1) & (own[:, 0] != UNDEFINED)
            fits = steady & (right.mean(1) >= table.share) & ~np.isin(own[:, 0], one.answers)
            fits &= ~np.isin(values, one.record.values)
            first = np.unique(own[fits, 0], return_index=True)[1]
            record = replace(one.record, values=np.concatenate([one.record.values, values[fits][first]]))
            grown.append(
                replace(one, record=record, answers=np.concatenate([one.answers, own[fits, 0][first]]))
            )
        return replace(table, placed=tuple(grown))

    # --- whether it pays ------------------------------------------------------------------------------------------

    def _add(self, record: Record, *, of_known_form: bool = False) -> bool:
        """The record is added if that tells more contents apart."""
        if self.oracle.left() <= 0 or not self._room(len(record.before), len(record.form)):
            return False
        table = self._judged(record)
        gain = -1.0 if table is None else table.bits - self.table.bits
        if table is None or gain < _LEAST_GAIN or gain < _WHOLE * math.log2(len(table.placed[-1].answers)):
            if table is not None and gain >= _LEAST_GAIN and (self.lossy is None or gain > self.lossy[0]):
                self.lossy = gain, table, record
            self.failed.add((record.before, record.form))
            return False
        self._take(table, record, of_known_form=of_known_form)
        return True

    def _take(self, table: _Table, record: Record, *, of_known_form: bool = False) -> None:
        self.table, self.lossy = table, None
        self.failed.clear()
        if record.names_value:
            self.again = [record]
            return
        if not of_known_form:
            self._more_of(record)
            self.shorter = list(range(len(record.before)))

    def _judged(self, record: Record) -> _Table | None:
        """The table with the record, without the values that cost more than they tell."""
        table, oracle = self.table, self.oracle
        n_suffixes = len(record.suffixes()) + sum(len(one.record.suffixes()) for one in table.placed)
        length = len(table.base) + len(record.before) + 3
        n_rows = min(
            max(_SAMPLES, _PER_VALUE * len(record.values)), max(100, _TOKENS // (n_suffixes * length))
        )
        rows, chosen = table.contents(oracle, n_rows)
        new = np.arange(n_rows) % len(record.values)
        fixed = np.tile(np.array(record.before, dtype=np.int64), (n_rows, 1))
        rows = np.concatenate([rows, fixed, record.values[new][:, None]], axis=1)
        got = last_answers(oracle, rows, record.suffixes())
        own = got[np.arange(n_rows), new if record.names_value else 0]
        answers = np.array([_usual(own[new == number]) for number in range(len(record.values))])
        if not record.names_value:
            first = np.unique(answers, return_index=True)[1]
            good = np.isin(np.arange(len(answers)), first) & (answers != UNDEFINED)
        else:
            good = answers != UNDEFINED
        if good.sum() < 2:
            return None
        placed = _Placed(place=rows.shape[1] - 1, record=record, answers=answers)
        right = placed.right(got, new) & good[new]
        alive = good[new]
        if placed.right(got, new)[alive].mean() < 0.05:
            return None
        right &= table.right(oracle, rows, chosen)
        everything = [*table.placed, placed]
        picks = np.concatenate([chosen, new[:, None]], axis=1)
        kept = [np.ones(len(one.answers), dtype=bool) for one in everything]
        kept[-1] = good
        share = _without_spoilers(picks, right, alive, kept)
        if share is None:
            return None
        base = (*table.base, *record.before, int(record.values[0]))
        placed = tuple(one.only(some) for one, some in zip(everything, kept, strict=True))
        grown = _Table(base=base, placed=placed, share=share)
        return grown if share > _SURE else grown.measured(oracle, n_rows)


def _followed_by(contexts: np.ndarray, before: Form, values: np.ndarray) -> np.ndarray:
    """Each context with the tokens and each value behind it, `(context * value, place)`."""
    rows = np.repeat(contexts, len(values), axis=0)
    fixed = np.tile(np.array(before, dtype=np.int64), (len(rows), 1))
    return np.concatenate([rows, fixed, np.tile(values, len(contexts))[:, None]], axis=1)


def _some(oracle: Oracle, tokens: np.ndarray, most: int) -> np.ndarray:
    """All tokens, or so many random ones."""
    if len(tokens) <= most:
        return tokens
    return np.sort(tokens[np.argsort(oracle.integers(2**20, (len(tokens),)), kind="stable")[:most]])


def _some_products(oracle: Oracle, tokens: np.ndarray, repeat: int, most: int) -> list[Form]:
    """All rows of so many tokens in a random order, or so many random ones."""
    if len(tokens) ** repeat <= 4 * most:
        rows = list(product(tokens.tolist(), repeat=repeat))
        order = np.argsort(oracle.integers(2**20, (len(rows),)), kind="stable")[:most]
        return [rows[number] for number in order]
    return list(dict.fromkeys(map(tuple, oracle.rows(most, repeat).tolist())))


def _told(table: np.ndarray) -> np.ndarray:
    """How many values each suffix tells apart in every context, `table[context, value, suffix]`."""
    steady = (table == table[:1]).all(0) & (table[0] != UNDEFINED)
    ordered = np.sort(np.where(steady, table[0], UNDEFINED), axis=0)
    different = (ordered[1:] != ordered[:-1]).sum(0)
    return different + (ordered[0] != UNDEFINED)


def _usual(answers: np.ndarray) -> int:
    """The most frequent defined answer."""
    defined = answers[answers != UNDEFINED]
    if 2 * len(defined) < len(answers) or not len(defined):
        return UNDEFINED
    values, counts = np.unique(defined, return_counts=True)
    return int(values[counts.argmax()])


def _without_spoilers(
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


def _family(oracle: Oracle, table: _Table) -> StateFamily:
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
