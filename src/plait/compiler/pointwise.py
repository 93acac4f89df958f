"""Statements that read the present position alone: the token, tables of any signals, products of numbers."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler.statement import NOTHING, Column, Statement, looked_up
from plait.compiler.values import Value, index_in, value_to_json


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Token(Statement):
    """The token itself, by its name."""

    kind: ClassVar[str] = "token"

    def meaning(self, *columns: Column) -> Column:
        raise AssertionError("tokens are given")

    def evaluate(self, *columns: Tensor) -> Tensor:
        raise AssertionError("tokens are given")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Table(Statement):
    """A function of the inputs' present values; of the token alone it is an embedding.

    Args:
        entries: one for every combination of input values, the last input's values next to each other.
        otherwise: where an input is nothing.
    """

    kind: ClassVar[str] = "table"

    entries: tuple[Value | None, ...]
    otherwise: Value | None = None

    @property
    def maybe(self) -> bool:
        partial = any(signal.maybe for signal in self.inputs) and self.otherwise is None
        return partial or None in self.entries

    @property
    def loose(self) -> bool:
        return any(signal.loose and not signal.edged for signal in self.inputs)

    @property
    def of_token(self) -> bool:
        """Whether it is a function of the token alone."""
        return all(
            isinstance(signal, Token) or (isinstance(signal, Table) and signal.of_token)
            for signal in self.inputs
        )

    def meaning(self, *columns: Column) -> Column:
        combinations = itertools.product(*(signal.domain for signal in self.inputs))
        table = dict(zip(combinations, self.entries, strict=True))
        return [self.otherwise if None in row else table[row] for row in zip(*columns, strict=True)]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        place = torch.zeros_like(columns[0])
        nothing = torch.zeros_like(columns[0], dtype=torch.bool)
        for signal, column in zip(self.inputs, columns, strict=True):
            place = place * len(signal.domain) + column.clamp(min=0)
            nothing |= column < 0
        return looked_up(self.places, place.masked_fill(nothing, NOTHING), nothing=self.place_otherwise)

    @property
    def places(self) -> list[int]:
        """The entries as places in the domain, -1 for nothing."""
        index = index_in(self.domain)
        return [NOTHING if entry is None else index[entry] for entry in self.entries]

    @property
    def place_otherwise(self) -> int:
        return NOTHING if self.otherwise is None else index_in(self.domain)[self.otherwise]

    def parameters(self) -> dict[str, object]:
        return {
            "entries": [value_to_json(entry) for entry in self.entries],
            "otherwise": value_to_json(self.otherwise),
        }


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Product(Statement):
    """One number times another; nothing where either is."""

    kind: ClassVar[str] = "product"

    @property
    def numeric(self) -> bool:
        return True

    @property
    def loose(self) -> bool:
        return self.maybe

    def meaning(self, *columns: Column) -> Column:
        return [
            None if one is None or other is None else int(one) * int(other)  # type: ignore[arg-type]
            for one, other in zip(*columns, strict=True)
        ]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        index = index_in(self.domain)
        first, second = self.inputs
        entries = [index[int(one) * int(other)] for one in first.domain for other in second.domain]  # type: ignore[arg-type]
        one, other = columns
        place = one * len(second.domain) + other
        return looked_up(entries, place.masked_fill((one < 0) | (other < 0), NOTHING))
