"""What all statements of an SSM layer share: their feeds, gates and channels."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.book import Book, condition
from plait.compiler.encoding import Points, flag
from plait.compiler.pointwise import ValueTable
from plait.compiler.schedule import is_free
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.staircase import staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import Need, ProgramStream
from plait.compiler.wires import (
    OPEN,
    Feed,
    Wire,
    column_feed,
    staircase_feed,
    there_or_behind,
)
from plait.constructions.mamba_writer import SILU_ONE

Directions = Float[Tensor, "width d_model"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SsmOp(ABC):
    """One statement of an SSM layer.

    Args:
        columns: what it must give for every value: those that stand in the stream, then the answer's.
        there: what stands in the stream before the layer.
        clean: nothing must give zeros.
        linear_gates: step sizes are read without SiLU, so that a gate that is not open must read 0.
    """

    statement: Statement
    columns: Points
    there: frozenset[Statement]
    book: Book
    clean: bool
    linear_gates: bool = False

    @cached_property
    def fed(self) -> list[Feed]:
        """What its channels read."""
        return self.feeds()

    @abstractmethod
    def feeds(self) -> list[Feed]:
        """What its channels read, made anew."""

    @abstractmethod
    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        """Its channels; the k-th column goes along the k-th direction."""

    def needs(self) -> Iterator[Need]:
        for feed in self.fed:
            for statement, columns in feed.needs:
                yield Need(
                    statement=statement, columns=columns, clean=True, label=self.label(statement, columns)
                )

    def label(self, statement: Statement, columns: tuple[Points, ...]) -> str:
        return self.book.lowered.labels[statement].name or statement.kind

    def source(self, signal: Statement, columns: Points, *, lag: int = 0) -> Feed:
        """The columns of a signal: as they stand, or through the table that makes it."""
        base, _ = there_or_behind(signal, set(self.there))
        if is_free(base) or base in self.there:
            return column_feed(signal, columns, set(self.there), lag=lag)
        assert isinstance(signal, ValueTable)
        scalars = [self.book.scalar(one) for one in signal.inputs]
        stairs = staircase(signal, scalars, columns, clean=True, from_start=lag > 0)
        return staircase_feed(stairs, set(self.there), lag=lag)

    def reset(self, signal: Statement) -> Feed:
        """As `gate`, of steps that go on where it is not open: -64 must be read there, also where it is nothing."""
        if self.linear_gates or not signal.maybe:
            return self.gate(signal, choices=1 if self.linear_gates else 0)
        base, distance = there_or_behind(signal, set(self.there))
        column, one = flag(signal.domain, false=0.0), torch.ones(1, dtype=torch.float64)
        reads = ((base, (2.0 * column,)),)
        wire = Wire(reads=reads, taps={distance: 1.0}, scale=OPEN, bias=-OPEN, out=one)
        return Feed(wires=(wire,), constant=0.0 * one, needs=((base, (column,)),))

    def gate(self, signal: Statement, *, choices: int = 0) -> Feed:
        """64 where the condition holds, elsewhere nothing beside it.

        Args:
            choices: the first choice of columns that will do.
        """
        base, distance = there_or_behind(signal, set(self.there))
        if is_free(base) or base in self.there:
            columns = condition(base)[choices:]
            one = torch.ones(1, dtype=torch.float64)
            wire = Wire(reads=((base, columns),), taps={distance: 1.0}, scale=OPEN, bias=0.0, out=one)
            return Feed(wires=(wire,), constant=0.0 * one, needs=((base, columns),))
        assert isinstance(signal, ValueTable)
        scalars = [self.book.scalar(one) for one in signal.inputs]
        stairs = staircase(signal, scalars, OPEN * flag(signal.domain, false=0.0), clean=True)
        return staircase_feed(stairs, set(self.there))

    def channels(
        self, writer: SsmWriter, stream: ProgramStream, feed: Feed
    ) -> list[tuple[int, Float[Tensor, " width"]]]:
        """The feed's channels, and what each contributes; the constant is one of them."""
        rows: dict[tuple[int, float], Tensor] = {}
        found: list[tuple[int, Float[Tensor, " width"]]] = []
        for wire in feed.wires:  # the units of a staircase all read one row
            key = id(wire.reads), wire.scale
            rows[key] = row = rows[key] if key in rows else wire.row(stream)
            found.append((writer.channel(row, wire.taps, bias=wire.bias), wire.out))
        if bool(feed.constant.any()):
            zero = torch.zeros(stream.residual.d_model, dtype=torch.float64)
            found.append((writer.channel(zero, {0: 1.0}, bias=SILU_ONE), feed.constant))
        return found

    def quantity(self, writer: SsmWriter, stream: ProgramStream, feed: Feed) -> int:
        """The feed's number as a quantity for step sizes."""
        return writer.quantity({channel: float(out) for channel, out in self.channels(writer, stream, feed)})
