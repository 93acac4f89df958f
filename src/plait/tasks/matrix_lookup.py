"""Matrix lookup: the entry in the row and the column that were asked for last.

    tokens    a  b  ;  c  d  ;  r0 c2 r1 c1      a matrix of 2 rows and 2 columns, row by row
    targets   -  -  -  -  -  -  -  b  d  c       - = not scored: no row or no column was asked for yet

Source: the generators that followed arXiv 2603.08859; meaning as examples/programs/matrix_lookup.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import MOST_WORDS, SPECIALS, Composition, Targets, letters_or_numbers
from plait.tasks.lookup import Lookup, last_place, latest

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


_MOST_LINES = 2**15
"""Rows or columns of a matrix at most."""


@dataclass(frozen=True, kw_only=True)
class MatrixLookup(Lookup):
    """`n_words` words, the semicolon, `rows` row names r0, r1, .., then `columns` column names c1, c2, ..

    A word at position i stands in the row that as many semicolons precede, and in the column numbered by the tokens
    since the latest of them (or since the start), itself counted. The target is the latest word in the row and column
    whose names were read last; nothing is scored where one is missing or the matrix has no word there.

    Sampled rows are a whole matrix of independent uniform words, each of its rows ended by a semicolon, and behind it
    uniform names, of a row and of a column in turn.

    Raises:
        ValueError: n_words below 1, or rows or columns outside [1, 2^15].
    """

    name: ClassVar[str] = "matrix-lookup"
    composition: ClassVar[Composition | None] = Composition(
        control="the row and the column that were asked for last",
        content="for each row and column, the latest word there",
        lookup="the content at the control",
    )

    n_words: int = 8
    rows: int = 4
    columns: int = 4

    def __post_init__(self) -> None:
        check_integer("n_words", self.n_words, least=1, most=MOST_WORDS)
        check_integer("rows", self.rows, least=1, most=_MOST_LINES)
        check_integer("columns", self.columns, least=1, most=_MOST_LINES)

    @property
    def ordinary_tokens(self) -> int:
        return self.n_words + 1 + self.rows + self.columns

    @property
    def token_names(self) -> tuple[str, ...]:
        names = (*(f"r{row}" for row in range(self.rows)), *(f"c{n + 1}" for n in range(self.columns)))
        return (*letters_or_numbers(self.n_words), ";", *names, *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        first_row = self.n_words + 1
        first_column = first_row + self.rows
        entries: dict[tuple[int | None, int | None], int] = {}
        line = column = 0
        asked_row = asked_column = None
        for token in row:
            column += 1
            if token < self.n_words:
                if line < self.rows and column <= self.columns:
                    entries[line, column] = token
            elif token == self.n_words:
                line, column = line + 1, 0
            elif token < first_column:
                asked_row = token - first_row
            else:
                asked_column = token - first_column + 1
            yield entries.get((asked_row, asked_column))

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        end = tokens == self.n_words
        line = end.long().cumsum(-1)
        column = torch.arange(tokens.shape[-1], device=tokens.device) - last_place(end)
        entry = (tokens < self.n_words) & (line < self.rows) & (column <= self.columns)
        return latest(tokens, torch.where(entry, line * self.columns + column - 1, -1), self._asked(tokens))

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        first_row = self.n_words + 1
        first_column = first_row + self.rows
        row = last_place((tokens >= first_row) & (tokens < first_column))
        column = last_place(tokens >= first_column)
        asked = (tokens.gather(-1, row.clamp(min=0)) - first_row) * self.columns
        asked = asked + tokens.gather(-1, column.clamp(min=0)) - first_column
        return torch.where((row >= 0) & (column >= 0), asked, -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        size = self.rows * (self.columns + 1)
        if seq_len < size + 2:
            raise ValueError(
                f"seq_len must be at least {size + 2} (the matrix with its semicolons, a row and a column), "
                f"got {seq_len}"
            )
        words = stream.integers(self.n_words, (batch, self.rows, self.columns), draw=0)
        ends = torch.full_like(words[..., :1], self.n_words)
        matrix = torch.cat((words, ends), dim=-1).flatten(-2)
        behind = (batch, seq_len - size)
        row = stream.integers(self.rows, behind, draw=1) + self.n_words + 1
        column = stream.integers(self.columns, behind, draw=2) + self.n_words + 1 + self.rows
        turn = torch.arange(seq_len - size, device=row.device) % 2 == 0
        return torch.cat((matrix, torch.where(turn, row, column)), dim=-1)
