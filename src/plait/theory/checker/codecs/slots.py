"""Mixed-radix slots: a fixed prefix in which each slot holds one of its values, and the answers tell which.

    base      w  w  w  w        slot 0 at [1]: values a, b       slot 1 at [2, 3]: values (a b), (b a), (c c)
    encode 4  w  a  c  c        4 = 0 + 2 * 2: value 0 of slot 0, value 2 of slot 1

A slot is read by the queries in `reads`. Value j is taken if the answers are row j of `answers`, where null in a row
is not asked; the first row that fits wins. With `"answers": "simulated"` the row of each value is what the task itself
answers to the base with the slots before filled as decoded and this one with that value. Without `answers` the answer
is the value. Several slot codecs in a `union` count their contents one after the other; the first that decodes wins.
"""

from typing import Any

from plait.theory.checker.codecs.base import AskQuery, Codec, Reader, Tables
from plait.theory.checker.document import Refused

MOST_CELLS = 1_000_000


class Slot:
    """One slot: where it stands, what it may hold, and how it is read."""

    def __init__(self, reader: Reader, length: int) -> None:
        self.at = reader.positions("at", below=length)
        self.values = _rows(reader, "values", width=len(self.at))
        self.reads = reader.queries("reads")
        self.simulated = reader.fields.get("answers") == "simulated"
        self.answers: list[list[int | None]] = [[*value] for value in self.values]
        if self.simulated:
            reader.take("answers")
        elif "answers" in reader.fields:
            self.answers = _rows(reader, "answers", width=len(self.reads), gaps=True)
        if not self.values or len(self.answers) != len(self.values):
            raise Refused("a slot needs values, and as many rows of answers")
        if not self.simulated and any(len(row) != len(self.reads) for row in self.answers):
            raise Refused("a slot's rows of answers must be as long as its reads")
        reader.done()
        self.choices: dict[int | None, int] = {}
        if len(self.reads) == 1 and not self.simulated:
            for choice, row in reversed(list(enumerate(self.answers))):
                self.choices[row[0]] = choice

    def read(self, rows: list[list[int | None]], ask: AskQuery) -> int | None:
        """The number of the first row of answers that fits."""
        if self.choices and None not in self.choices:
            return self.choices.get(ask(self.reads[0]))
        return next((j for j, row in enumerate(rows) if _fits(row, self.reads, ask)), None)


class Slots(Codec):
    """The contents are the mixed-radix numbers of the slots, the first slot lowest."""

    def __init__(self, reader: Reader, tables: Tables) -> None:
        self.base = reader.tokens("base")
        self.length = len(self.base)
        self.slots: list[Slot] = []
        cells = 0
        for fields in reader.objects("slots"):
            self.slots.append(Slot(reader.inner(fields, "a slot"), self.length))
            cells += sum(map(len, self.slots[-1].values)) + sum(map(len, self.slots[-1].answers))
            if cells > MOST_CELLS:
                raise Refused(f"slots hold at most {MOST_CELLS} tokens in all")
        reader.done()
        places = [place for slot in self.slots for place in slot.at]
        if len(set(places)) < len(places):
            raise Refused("two slots stand at one position")
        self.tables, self.size = tables, 1
        for slot in self.slots:
            self.size *= len(slot.values)

    @property
    def work(self) -> int:
        tried = sum(len(slot.values) * (len(slot.reads) + 1) for slot in self.slots if not slot.choices)
        return tried * self.length if any(slot.simulated for slot in self.slots) else self.length + tried

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

    def _simulated(self, slot: Slot, filled: list[int]) -> list[list[int | None]]:
        prefixes = []
        for choice in range(len(slot.values)):
            prefixes.append(list(filled))
            _fill(prefixes[-1], slot, choice)
        return self.tables(prefixes, slot.reads)


class Union(Codec):
    """Slot codecs of one length, one after the other."""

    def __init__(self, parts: list[Slots]) -> None:
        if not parts or len({part.length for part in parts}) != 1:
            raise Refused("a union needs parts of one length")
        self.parts, self.length = parts, parts[0].length
        self.size = sum(part.size for part in parts)

    @property
    def work(self) -> int:
        return sum(part.work for part in self.parts)

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


def _fits(row: list[int | None], reads: list[int], ask: AskQuery) -> bool:
    return all(want is None or ask(query) == want for want, query in zip(row, reads, strict=True))


def _fill(prefix: list[int], slot: Slot, choice: int) -> None:
    for place, token in zip(slot.at, slot.values[choice], strict=True):
        prefix[place] = token


def _rows(reader: Reader, name: str, *, width: int, gaps: bool = False) -> list[Any]:
    """Rows of `width` tokens; a plain list of tokens stands for rows of one, `gaps` allows null."""
    value = reader.take(name)
    if isinstance(value, int) and not isinstance(value, bool):
        if width != 1:
            raise Refused(f"a slot's {name} must have rows of {width} tokens, a table has single ones")
        return [[token] for token in reader.listed(value, name, below=reader.n_tokens, most=MOST_CELLS)]
    if not isinstance(value, list) or len(value) * max(1, width) > MOST_CELLS:
        raise Refused(f"a slot's {name} must be a list of at most {MOST_CELLS} tokens in all")
    rows = [row if isinstance(row, list) else [row] for row in value]
    for row in rows:
        if len(row) != width:
            raise Refused(f"each row of a slot's {name} must have {width} entries")
        present = [item for item in row if item is not None] if gaps else row
        reader.listed(present, name, below=reader.n_tokens, most=MOST_CELLS)
    return rows
