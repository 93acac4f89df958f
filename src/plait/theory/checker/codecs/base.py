"""What a codec is: numbers in [0, size) written as prefixes of one length, and read back from answers.

Nothing about a codec is trusted: it counts only how often `decode(answers to encode(i)) = i`.

Rows of tokens: what a slot may hold, and the answers that tell.

A list of single tokens is kept as it stands in the file, and one that many slots share is kept once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, overload

from plait.theory.checker.document import Refused

MOST_LENGTH = 20_000
_MOST_DIGITS = 200_000
"""Bits of a codec's size."""

MOST_CELLS = 2_000_000
"""Tokens or answers held at once beside the file itself: prefixes that are tried, tables of answers."""

AskQuery = Callable[[int], int]
"""The answer to a query, given by its index."""


class Asked(Protocol):
    """The task with the certificate's suffixes and queries, as codecs need it."""

    def tables(self, prefixes: Sequence[list[int]], reads: Sequence[int]) -> list[list[int | None]]:
        """The right answers to some queries about some prefixes."""
        ...

    def cost(self, prefixes: int, length: int, reads: Sequence[int] | None = None) -> int:
        """Steps that such a table takes, the prefixes having `length` tokens; None for all queries."""
        ...


class UndefinedAnswer(Exception):  # noqa: N818  # ends one decoding
    """A query was asked whose target is undefined there."""


class Codec(ABC):
    """`size` contents as prefixes of `length` tokens."""

    size: int
    length: int

    @property
    @abstractmethod
    def work(self) -> int:
        """Steps that writing and reading one content takes at most, beside the answers to queries.

        A step is what plain Python does in a twentieth of a microsecond or so.
        """

    @abstractmethod
    def encode(self, index: int) -> list[int] | None:
        """The prefix of a content; None where it does not fit."""

    @abstractmethod
    def decode(self, ask: AskQuery) -> int | None:
        """The content that the answers spell; None where they spell none."""


def long_steps(size: int) -> int:
    """Steps that dividing a number below `size` by a short one takes."""
    return 3 + size.bit_length() // 1000  # a step more for every thousand bits of the number


def checked_size(size: int) -> int:
    """The number of contents, refused where it is too long for anything to be counted with.

    Raises:
        Refused: a size of more than `_MOST_DIGITS` bits.
    """
    if size.bit_length() > _MOST_DIGITS:
        raise Refused(f"contents of at most {_MOST_DIGITS} bits, got {size.bit_length()}")
    return size


class Reader:
    """Fields of a certificate's object, each checked as it is taken; `done` refuses what is left.

    Args:
        fields: the JSON object.
        where: how messages call it.
        n_tokens: tokens are in [0, n_tokens).
        n_queries: queries are in [0, n_queries).
        tables: the certificate's shared lists of tokens, checked once; an integer in place of a list of tokens names
            one, which is then shared and not copied.
    """

    def __init__(
        self, fields: object, *, where: str, n_tokens: int, n_queries: int, tables: list[list[int]]
    ) -> None:
        if not isinstance(fields, dict):
            raise Refused(f"{where} must be an object")
        self.fields, self.where = dict(fields), where
        self.n_tokens, self.n_queries, self.tables = n_tokens, n_queries, tables

    def inner(self, fields: object, where: str) -> "Reader":
        """A reader of an object within this one."""
        return Reader(
            fields, where=where, n_tokens=self.n_tokens, n_queries=self.n_queries, tables=self.tables
        )

    def take(self, name: str) -> object:
        if name not in self.fields:
            raise Refused(f"{self.where} lacks {name!r}")
        return self.fields.pop(name)

    def integer(self, name: str, *, least: int, most: int) -> int:
        value = self.take(name)
        if not _is_int(value) or not least <= value <= most:  # pyright: ignore
            raise Refused(f"{self.where}: {name} must be an integer in [{least}, {most}], got {value!r:.60}")
        return value  # pyright: ignore

    def tokens(self, name: str, *, most: int = MOST_LENGTH) -> list[int]:
        value = self.take(name)
        if _is_int(value):
            table = self.table(value, name)
            if len(table) > most:
                raise Refused(f"{self.where}: {name} must be a list of at most {most} integers")
            return table
        return self.listed(value, name, below=self.n_tokens, most=most)

    def distinct(self, name: str, *, most: int) -> list[int]:
        """One token or more, none of them twice."""
        tokens = self.tokens(name, most=most)
        if not tokens or len(set(tokens)) < len(tokens):
            raise Refused(f"{name} must be one or more distinct tokens")
        return tokens

    def table(self, number: object, name: str) -> list[int]:
        """The shared list of tokens of this number."""
        if not isinstance(number, int) or not 0 <= number < len(self.tables):
            raise Refused(f"{self.where}: {name} names table {number!r:.20}, there are {len(self.tables)}")
        return self.tables[number]

    def positions(self, name: str, *, below: int) -> list[int]:
        positions = self.listed(self.take(name), name, below=below, most=MOST_LENGTH)
        if len(set(positions)) < len(positions):
            raise Refused(f"{self.where}: {name} repeats a position")
        return positions

    def queries(self, name: str) -> list[int]:
        return self.listed(self.take(name), name, below=self.n_queries, most=MOST_LENGTH)

    def objects(self, name: str) -> list[object]:
        value = self.take(name)
        if not isinstance(value, list):
            raise Refused(f"{self.where}: {name} must be a list")
        return value

    def listed(self, value: object, name: str, *, below: int, most: int = MOST_LENGTH) -> list[int]:
        """A list of at most `most` integers in [0, below)."""
        if not isinstance(value, list) or len(value) > most:
            raise Refused(f"{self.where}: {name} must be a list of at most {most} integers")
        if not all(_is_int(item) and 0 <= item < below for item in value):
            raise Refused(f"{self.where}: {name} must hold integers in [0, {below})")
        return value

    def done(self) -> None:
        if self.fields:
            raise Refused(f"{self.where} has an unknown field {sorted(self.fields)[0]!r}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Row = Sequence[int | None]
Rows = Sequence[Row]


class RowColumn(Sequence[Row]):
    """A list of tokens as rows of one."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens

    def __len__(self) -> int:
        return len(self.tokens)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        return RowColumn(self.tokens[index]) if isinstance(index, slice) else (self.tokens[index],)


class Choices:
    """For rows of one answer: which row an answer belongs to, the first of several; of shared lists once."""

    def __init__(self) -> None:
        self._shared: dict[int, tuple[RowColumn, dict[int, int]]] = {}

    def of(self, rows: Rows) -> dict[int, int] | None:
        """The row of each answer; None where some row asks nothing."""
        if not isinstance(rows, RowColumn):
            return None if any(row[0] is None for row in rows) else _first_rows([row[0] for row in rows])
        known = self._shared.get(id(rows.tokens))
        if known is None:
            known = self._shared[id(rows.tokens)] = (rows, _first_rows(rows.tokens))
        return known[1]


def _first_rows(answers: Sequence[int | None]) -> dict[int, int]:
    first: dict[int, int] = {}
    for row, answer in enumerate(answers):
        if answer is not None:
            first.setdefault(answer, row)
    return first


def read_rows(reader: Reader, name: str, *, width: int, gaps: bool = False) -> Rows:
    """Rows of `width` tokens; a plain list of tokens stands for rows of one, `gaps` allows null.

    Raises:
        Refused: anything else.
    """
    value = reader.take(name)
    if isinstance(value, int) and not isinstance(value, bool):
        if width != 1:
            raise Refused(f"a slot's {name} must have rows of {width} tokens, a table has single ones")
        return RowColumn(reader.table(value, name))
    if not isinstance(value, list):
        raise Refused(f"a slot's {name} must be a list of rows")
    if width == 1 and value and not any(isinstance(row, list) or row is None for row in value):
        return RowColumn(reader.listed(value, name, below=reader.n_tokens, most=len(value)))
    rows = [row if isinstance(row, list) else [row] for row in value]
    for row in rows:
        if len(row) != width:
            raise Refused(f"each row of a slot's {name} must have {width} entries")
        present = [item for item in row if item is not None] if gaps else row
        reader.listed(present, name, below=reader.n_tokens, most=len(row))
    return rows
