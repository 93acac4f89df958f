"""Statements that read the present position alone: the token, tables of any signals, products of numbers."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler.statement import NOTHING, SignalValues, Statement, looked_up
from plait.compiler.values import Value, index_in, value_to_json


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Token(Statement):
    """The token itself, by its name."""

    kind: ClassVar[str] = "token"

    def meaning(self, *columns: SignalValues) -> SignalValues:
        raise AssertionError("tokens are given")

    def evaluate(self, *columns: Tensor) -> Tensor:
        raise AssertionError("tokens are given")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ValueTable(Statement):
    """A function of the inputs' present values; of the token alone it is an embedding.

    Args:
        entries: one for every combination of input values, the last input's values next to each other.
        sees_nothing: the entries also cover nothing, as a value behind the others of each input; without, the table
            is nothing where an input is.
    """

    kind: ClassVar[str] = "table"

    entries: tuple[Value | None, ...]
    sees_nothing: bool = False

    @property
    def maybe(self) -> bool:
        return None in self.entries or (not self.sees_nothing and any(one.maybe for one in self.inputs))

    @property
    def loose(self) -> bool:
        return any(signal.loose and not signal.edged for signal in self.inputs)

    @property
    def of_token(self) -> bool:
        """Whether it is a function of the token alone."""
        return all(
            isinstance(signal, Token) or (isinstance(signal, ValueTable) and signal.of_token)
            for signal in self.inputs
        )

    @property
    def begins_as_nothing(self) -> bool:
        """Whether it is nothing where every input reads zeros, as a convolution does before the start.

        A number of 0 then looks as it does anywhere else; all else is nothing.
        """
        row: SignalValues = [0 if one.numeric and 0 in one.domain else None for one in self.inputs]
        if None in row and not self.sees_nothing:
            return True
        return self.meaning(*([value] for value in row)) == [None]

    def seen(self, signal: Statement) -> tuple[Value | None, ...]:
        """The values of an input that the entries cover."""
        return (*signal.domain, None) if self.sees_nothing else signal.domain

    def meaning(self, *columns: SignalValues) -> SignalValues:
        combinations = itertools.product(*(self.seen(signal) for signal in self.inputs))
        table = dict(zip(combinations, self.entries, strict=True))
        return [table.get(row) for row in zip(*columns, strict=True)]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        place = torch.zeros_like(columns[0])
        missed = torch.zeros_like(columns[0], dtype=torch.bool)
        for signal, column in zip(self.inputs, columns, strict=True):
            place = place * len(self.seen(signal)) + torch.where(column < 0, len(signal.domain), column)
            missed |= (column < 0) & (not self.sees_nothing)
        return looked_up(self.places, place.masked_fill(missed, NOTHING))

    @property
    def places(self) -> list[int]:
        """The entries as places in the domain, -1 for nothing."""
        index = index_in(self.domain)
        return [NOTHING if entry is None else index[entry] for entry in self.entries]

    def parameters(self) -> dict[str, object]:
        return {
            "entries": [value_to_json(entry) for entry in self.entries],
            "sees_nothing": self.sees_nothing,
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

    def meaning(self, *columns: SignalValues) -> SignalValues:
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
