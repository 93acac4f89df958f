"""Tables grown record by record: a few fixed tokens and a free one, read by a suffix that leaves other records alone.

What a record and its suffix look like is found by trying: fixed tokens are put behind the prefix so far and a token of
any value behind them, and suffixes are asked that name the fixed ones, or any short ones. A suffix may name the value
(`v ? v`: where did v stand first?); then each value has its own, and one record after the other is asked for all.
Others of a form that was found are tried first. Values that spoil records are given up where that costs less than what
they spoil. Source: docs/theory.md, 4.8.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice, product

import numpy as np

from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import UNDEFINED, Oracle
from plait.theory.search.record_tables import (
    TOKENS,
    VALUE,
    Form,
    Record,
    RecordTable,
    followed_by,
    last_answers,
    record_family,
    some_products,
    some_tokens,
    told_apart,
    with_record,
    without_spoilers,
)

_PRUNED_BY = 1_000
_MOST_VALUES, _FEW_VALUES, _MOST_FORMED, _MOST_FIXED = 64, 8, 400, 96
_LONGEST_FIXED, _TRIED, _CONTEXTS, _POLISHED, _QUIET = 3, 5, 2, 6, 8
_LEAST_GAIN, _WHOLE, _MOSTLY = 0.4, 0.75, 0.4
"""Samples, values, fixed tokens, records looked at twice, contexts, and what a record must add in bits and of its own:
effort (`plait.theory.search`)."""


def record_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """A table a round, from nothing or a few random tokens on; None while it grows. Ends where rounds find no more."""
    most, quiet = 0.0, 0
    for number in count():
        if oracle.left() <= 0 or quiet == _QUIET:
            return
        base = oracle.rows(1, min(number % 4, oracle.seq_len - 2))[0].tolist()
        growth = _Growth(oracle, RecordTable(base=tuple(base)))
        told = 0
        while growth.grow():
            settled = len(growth.table.placed) > told and not growth.queue
            told = len(growth.table.placed) if settled else told
            yield record_family(oracle, growth.table) if settled else None
        yield record_family(oracle, growth.polished()) if growth.table.placed else None
        most, quiet = (growth.table.bits, 0) if growth.table.bits > most + _LEAST_GAIN else (most, quiet + 1)


class _Growth:
    """One table: records are added until none is found or there is no room."""

    def __init__(self, oracle: Oracle, table: RecordTable) -> None:
        self.oracle, self.table = oracle, table
        self.queue: list[Record] = []  # of forms that were found
        self.again: list[Record] = []  # those that name the value fit at every place
        self.shorter: list[int] = []  # fixed tokens of records that a new one may have made possible
        self.failed: set[tuple[Form, Form]] = set()  # that add nothing to the table as it is
        self.lossy: tuple[float, RecordTable, Record] | None = (
            None  # the best that takes from others what it adds
        )

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
        candidates = some_products(oracle, tokens, fixed, _MOST_FIXED)
        values = some_tokens(oracle, tokens, _FEW_VALUES if fixed else _MOST_VALUES)
        table, length = self.table, len(self.table.base) + fixed + 3
        most = TOKENS // (len(candidates) * len(values) * _CONTEXTS * length)
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
                rows = followed_by(contexts, before, values)
                answers = last_answers(oracle, rows, suffixes)
                told = told_apart(answers.reshape(_CONTEXTS, len(values), -1))
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
            record = Record(before=before, form=form, values=some_tokens(oracle, tokens, _MOST_VALUES))
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
        values = some_tokens(oracle, tokens, _MOST_VALUES)
        marks = some_tokens(oracle, tokens, _MOST_VALUES).tolist()
        forms: list[Form] = [
            (VALUE,),
            *((mark, VALUE) for mark in marks),
            *((VALUE, mark) for mark in marks),
        ]
        contexts = self._contexts()
        known = [self._named(contexts, form, values) for form in forms]
        best = max(range(len(forms)), key=lambda number: known[number][0])
        if known[best][0] < 2:
            return False
        form, whole = forms[best], known[best][1]
        if not whole:
            longer = [(first, *form) for first in (VALUE, *marks)]
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
        answers = last_answers(self.oracle, followed_by(contexts, (), values), record.suffixes())
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
        choices = some_products(oracle, tokens, len(named), _MOST_FORMED)
        values = some_tokens(oracle, tokens, 2 * _FEW_VALUES)
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
            answers = last_answers(oracle, followed_by(contexts, one.before, values), [one.form])
            told.append(int(told_apart(answers.reshape(_CONTEXTS, len(values), -1))[0]))
        order = sorted(range(len(records)), key=lambda number: (len(records[number].before), -told[number]))
        self.queue = [records[number] for number in order if told[number] > 1]

    def polished(self) -> RecordTable:
        """The table with each value more that, alone among known ones, is told from them and spoils nothing."""
        oracle, table = self.oracle, self.table
        if oracle.left() > 0:
            rows, chosen = table.contents(oracle, _PRUNED_BY)
            kept = [np.ones(len(one.answers), dtype=bool) for one in table.placed]
            right = table.right(oracle, rows, chosen)
            share = without_spoilers(chosen, right, np.ones(len(rows), dtype=bool), kept)
            if share is not None:
                placed = tuple(one.only(some) for one, some in zip(table.placed, kept, strict=True))
                table = replace(table, placed=placed, share=share)
        if any(one.record.names_value for one in table.placed) or oracle.left() <= 0:
            return table
        n_suffixes, length = len(table.placed), len(table.base) + table.longest
        values = some_tokens(oracle, oracle.tokens, TOKENS // (_POLISHED * n_suffixes**2 * length))
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
        table = with_record(self.oracle, self.table, record)
        gain = -1.0 if table is None else table.bits - self.table.bits
        if table is None or gain < _LEAST_GAIN or gain < _WHOLE * math.log2(len(table.placed[-1].answers)):
            if table is not None and gain >= _LEAST_GAIN and (self.lossy is None or gain > self.lossy[0]):
                self.lossy = gain, table, record
            self.failed.add((record.before, record.form))
            return False
        self._take(table, record, of_known_form=of_known_form)
        return True

    def _take(self, table: RecordTable, record: Record, *, of_known_form: bool = False) -> None:
        self.table, self.lossy = table, None
        self.failed.clear()
        if record.names_value:
            self.again = [record]
            return
        if not of_known_form:
            self._more_of(record)
            self.shorter = list(range(len(record.before)))
