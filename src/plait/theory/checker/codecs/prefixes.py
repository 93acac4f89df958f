"""Prefixes of slots, or without a structure: a plain list of them, or fresh random ones.

Without a structure they are told apart two by two, by a query to which both have a defined answer, not the same. N
prefixes of one length that are all told apart need N states. N prefixes drawn at random that all need different states
are unlikely where there are few: with |S| states the probability is at most `prod_(i < N) (1 - i / |S|)` (birthday
bound). Source: docs/theory.md, Theorems 4.1 and 4.7.

Mixed-radix slots: a fixed prefix in which each slot holds one of its values, and the answers tell which.

    base      w  w  w  w        slot 0 at [1]: values a, b       slot 1 at [2, 3]: values (a b), (b a), (c c)
    encode 4  w  a  c  c        4 = 0 + 2 * 2: value 0 of slot 0, value 2 of slot 1

A slot is read by the queries in `reads`. Value j is taken if the answers are row j of `answers`, where null in a row
is not asked; the first row that fits wins. With `"answers": "simulated"` the row of each value is what the task itself
answers to the base with the slots before filled as decoded and this one with that value. Without `answers` the answer
is the value. Several slot codecs in a `union` count their contents one after the other; the first that decodes wins.
"""

import random
from collections.abc import Sequence

from plait.theory.checker.codecs.base import (
    MOST_CELLS,
    MOST_LENGTH,
    Asked,
    AskQuery,
    Choices,
    Codec,
    Reader,
    Row,
    Rows,
    checked_size,
    long_steps,
    read_rows,
)
from plait.theory.checker.document import Refused

MOST_ROWS = 8_192
_MOST_PAIRS = 20_000_000
"""Prefixes of a list, and pairs of them that are compared. Steps (`work`) count what loops of Python
do, to the larger side (tests/theory/test_checker_work.py)."""


class Listed(Codec):
    """The contents are the prefixes of the list."""

    def __init__(self, reader: Reader, asked: Asked) -> None:
        rows = reader.objects("prefixes")
        reader.done()
        if not 1 <= len(rows) <= MOST_ROWS:
            raise Refused(f"a list has 1 to {MOST_ROWS} prefixes, got {len(rows)}")
        self.prefixes = [
            reader.listed(row, "a prefix", below=reader.n_tokens, most=MOST_LENGTH) for row in rows
        ]
        self.length, self.size = len(self.prefixes[0]), len(rows)
        if any(len(prefix) != self.length for prefix in self.prefixes):
            raise Refused("the prefixes of a list must have one length")
        _check_cells(len(rows), reader.n_queries)
        self.reads, self.asked = list(range(reader.n_queries)), asked
        self._rows: list[list[int | None]] = []

    @property
    def work(self) -> int:
        return self.length + 4 * self.size * (1 + len(self.reads))  # every row is compared, answer by answer

    @property
    def rows(self) -> list[list[int | None]]:
        """The right answers to every query about each prefix."""
        if not self._rows:
            self._rows = self.asked.tables(self.prefixes, self.reads)
        return self._rows

    def encode(self, index: int) -> list[int]:
        return self.prefixes[index]

    def decode(self, ask: AskQuery) -> int | None:
        fitting = [
            index
            for index, row in enumerate(self.rows)
            if all(right is None or ask(query) == right for query, right in enumerate(row))
        ]
        return fitting[0] if len(fitting) == 1 else None


class Random:
    """Random prefixes: fixed tokens, `free` tokens uniform among `letters`, fixed tokens."""

    def __init__(self, reader: Reader) -> None:
        self.before, self.after = reader.tokens("before"), reader.tokens("after")
        self.letters = reader.tokens("letters")
        self.free = reader.integer("free", least=1, most=MOST_LENGTH)
        self.draws = reader.integer("draws", least=2, most=MOST_ROWS)
        reader.done()
        if not self.letters:
            raise Refused("letters must be one or more tokens")
        _check_cells(self.draws, reader.n_queries)
        self.length = len(self.before) + self.free + len(self.after)

    def draw(self, choose: random.Random) -> list[int]:
        """One prefix; all are drawn alike, and independently."""
        return [*self.before, *choose.choices(self.letters, k=self.free), *self.after]

    @property
    def work(self) -> int:
        """Steps that drawing all of them takes."""
        # A draw, its free letters, and the rest, which is copied.
        return self.draws * (20 + 10 * self.free + self.length // 4)


def _check_cells(prefixes: int, queries: int) -> None:
    if prefixes * queries > MOST_CELLS:
        raise Refused(
            f"{prefixes} prefixes and {queries} queries are more answers than the limit of {MOST_CELLS}"
        )


def first_alike(rows: Sequence[Sequence[int | None]]) -> tuple[int, int] | None:
    """Two rows of answers that no query tells apart; None if there are none.

    Raises:
        Refused: too many pairs to compare one by one.
    """
    left = _MOST_PAIRS
    groups: list[tuple[list[int], int]] = [(list(range(len(rows))), 0)]
    while groups:
        group, column = groups.pop()
        if len(group) < 2:
            continue
        while column < len(rows[0]):
            values = {rows[i][column] for i in group}
            if None not in values and len(values) > 1:
                break
            column += 1
        else:
            left -= len(group) ** 2 * len(rows[0])
            if left < 0:
                raise Refused("too many undefined answers to compare the prefixes one by one")
            pair = _alike_pair(group, rows)
            if pair:
                return pair
            continue
        split: dict[object, list[int]] = {}
        for i in group:
            split.setdefault(rows[i][column], []).append(i)
        groups += [(part, column + 1) for part in split.values()]
    return None


def _alike_pair(group: list[int], rows: Sequence[Sequence[int | None]]) -> tuple[int, int] | None:
    for x, i in enumerate(group):
        for j in group[x + 1 :]:
            pairs = zip(rows[i], rows[j], strict=True)
            if not any(a is not None and b is not None and a != b for a, b in pairs):
                return i, j
    return None


class _Slot:
    """One slot: where it stands, what it may hold, and how it is read."""

    def __init__(self, reader: Reader, length: int, choices: Choices) -> None:
        self.at = reader.positions("at", below=length)
        if not self.at:
            raise Refused("a slot must stand somewhere")
        self.values = read_rows(reader, "values", width=len(self.at))
        self.reads = reader.queries("reads")
        self.simulated = reader.fields.get("answers") == "simulated"
        self.answers: Rows = self.values
        if self.simulated:
            reader.take("answers")
        elif "answers" in reader.fields:
            self.answers = read_rows(reader, "answers", width=len(self.reads), gaps=True)
        if not len(self.values) or len(self.answers) != len(self.values):
            raise Refused("a slot needs values, and as many rows of answers")
        if not self.simulated and any(len(row) != len(self.reads) for row in self.answers[:1]):
            raise Refused("a slot's rows of answers must be as long as its reads")
        reader.done()
        one = len(self.reads) == 1 and not self.simulated
        self.choices = choices.of(self.answers) if one else None

    @property
    def tried(self) -> int:
        """Steps that comparing the answers with each row takes; a row may ask each query once more."""
        # One look-up, or row by row.
        return 10 if self.choices is not None else len(self.values) * (20 + 8 * len(self.reads))

    def read(self, rows: Sequence[Row], ask: AskQuery) -> int | None:
        """The number of the first row of answers that fits."""
        if self.choices is not None:
            return self.choices.get(ask(self.reads[0]))
        return next((j for j, row in enumerate(rows) if _fits(row, self.reads, ask)), None)


class Slots(Codec):
    """The contents are the mixed-radix numbers of the slots, the first slot lowest."""

    def __init__(self, reader: Reader, asked: Asked, choices: Choices) -> None:
        self.base = reader.tokens("base")
        self.length, self.asked = len(self.base), asked
        self.slots: list[_Slot] = []
        self.size, places = 1, set[int]()
        for fields in reader.objects("slots"):
            slot = _Slot(reader.inner(fields, "a slot"), self.length, choices)
            if not places.isdisjoint(slot.at):
                raise Refused("two slots stand at one position")
            places.update(slot.at)
            if slot.simulated and len(slot.values) * self.length > MOST_CELLS:
                raise Refused(f"a simulated slot tries prefixes of at most {MOST_CELLS} tokens in all")
            self.slots.append(slot)
            self.size = checked_size(self.size * len(slot.values)) if len(slot.values) > 1 else self.size
        reader.done()

    @property
    def work(self) -> int:
        steps = 4 + self.length // 4  # a prefix is copied
        for slot in self.slots:
            # Its places, and a long division.
            steps += slot.tried + 3 * (len(slot.at) + long_steps(self.size))
            if slot.simulated:
                values = len(slot.values)
                steps += self.asked.cost(values, self.length, slot.reads)
                steps += values * (self.length // 4 + 2 * len(slot.at))  # a copy for each value
        return steps

    def encode(self, index: int) -> list[int]:
        prefix = list(self.base)
        for slot in self.slots:
            index, choice = divmod(index, len(slot.values))
            _fill(prefix, slot, choice)
        return prefix

    def decode(self, ask: AskQuery) -> int | None:
        index, radix, filled = 0, 1, list(self.base)
        for slot in self.slots:
            rows = self._simulated(slot, filled) if slot.simulated else slot.answers
            choice = slot.read(rows, ask)
            if choice is None:
                return None
            _fill(filled, slot, choice)
            index, radix = index + radix * choice, radix * len(slot.values)
        return index

    def _simulated(self, slot: _Slot, filled: list[int]) -> list[list[int | None]]:
        prefixes = []
        for choice in range(len(slot.values)):
            prefixes.append(list(filled))
            _fill(prefixes[-1], slot, choice)
        return self.asked.tables(prefixes, slot.reads)


class Union(Codec):
    """Slot codecs of one length, one after the other."""

    def __init__(self, parts: list[Slots]) -> None:
        if not parts or len({part.length for part in parts}) != 1:
            raise Refused("a union needs parts of one length")
        self.parts, self.length = parts, parts[0].length
        self.size = checked_size(sum(part.size for part in parts))

    @property
    def work(self) -> int:
        return sum(part.work + long_steps(self.size) for part in self.parts)

    def encode(self, index: int) -> list[int] | None:
        for part in self.parts:
            if index < part.size:
                return part.encode(index)
            index -= part.size
        return None

    def decode(self, ask: AskQuery) -> int | None:
        offset = 0
        for part in self.parts:
            index = part.decode(ask)
            if index is not None:
                return offset + index
            offset += part.size
        return None


def _fits(row: Row, reads: list[int], ask: AskQuery) -> bool:
    return all(want is None or ask(query) == want for want, query in zip(row, reads, strict=True))


def _fill(prefix: list[int], slot: _Slot, choice: int) -> None:
    for place, token in zip(slot.at, slot.values[choice], strict=True):
        assert token is not None  # values have no gaps
        prefix[place] = token
