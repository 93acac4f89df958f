"""Rows of tokens: what a slot may hold, and the answers that tell.

A list of single tokens is kept as it stands in the file, and one that many slots share is kept once.
"""

from collections.abc import Sequence
from typing import overload

from plait.theory.checker.codecs.base import Reader
from plait.theory.checker.document import Refused

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
