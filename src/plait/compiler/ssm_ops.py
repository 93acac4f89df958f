"""How an SSM layer makes each statement: what it needs of the stream, and its channels.

Sources: docs/theory-constructions.md, Lemmas 6.3, 7.1 and 7.2, and section 12.
"""

from dataclasses import dataclass

import torch

from plait.compiler.encoding import Points, flag
from plait.compiler.keyed import Keyed
from plait.compiler.pointwise import Product, Table
from plait.compiler.recurrent import Count, Hold, Lag, Register, Since
from plait.compiler.schedule import is_free
from plait.compiler.ssm_op import Directions, SsmOp
from plait.compiler.ssm_sums import Counts, Passes, Shifts
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.staircase import staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import ProgramStream
from plait.compiler.values import Value
from plait.compiler.wires import OPEN, Feed, Wire, staircase_feed, there_or_behind
from plait.constructions.mamba_writer import HOLD, LIFT, STEP


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies(SsmOp):
    """A lag, or a table: the skip gives the present values, and no state is used (Lemma 7.1)."""

    def feeds(self) -> list[Feed]:
        if isinstance(self.statement, Lag):
            return [self.source(self.statement.inputs[0], self.columns, lag=self.statement.distance)]
        assert isinstance(self.statement, Table)
        scalars = [self.book.scalar(one) for one in self.statement.inputs]
        stairs = staircase(self.statement, scalars, self.columns, clean=self.clean)
        return [staircase_feed(stairs, set(self.there))]

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        for channel, out in self.channels(writer, stream, self.fed[0]):
            writer.channels[channel].skip = 1.0
            writer.add(channel, out @ into)


@dataclass(frozen=True, kw_only=True, eq=False)
class Holds(SsmOp):
    """Lemma 6.3: a step of 128 writes the value over the old one, one of softplus(-128) leaves it."""

    def feeds(self) -> list[Feed]:
        value = self.statement.inputs[0]
        return [self.source(value, self.columns), self._opens()]

    def _opens(self) -> Feed:
        if len(self.statement.inputs) == 2:
            return self.gate(self.statement.inputs[1])
        value = self.statement.inputs[0]
        base, distance = there_or_behind(value, set(self.there))
        known = torch.ones(len(base.domain), 1, dtype=torch.float64)
        one = torch.ones(1, dtype=torch.float64)
        if is_free(base) or base in self.there:
            wire = Wire(reads=((base, (known,)),), taps={distance: 1.0}, scale=OPEN, bias=0.0, out=one)
            return Feed(wires=(wire,), constant=0.0 * one, needs=((base, (known,)),))
        assert isinstance(value, Table)
        scalars = [self.book.scalar(one) for one in value.inputs]
        return staircase_feed(staircase(value, scalars, OPEN * known, clean=True), set(self.there))

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        value, opens = self.fed
        writer.carries()
        quantity = self.quantity(writer, stream, opens)
        for channel, out in self.channels(writer, stream, value):
            writer.channels[channel].steps[quantity] = (STEP - HOLD) / OPEN
            writer.add(channel, out @ into)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recalls(SsmOp):
    """A state for each key, overwritten as in Lemma 6.3; its output's gate is 64 at this query, -64 at others."""

    @property
    def keyed(self) -> Keyed:
        assert isinstance(self.statement, Keyed)
        return self.statement

    def asked(self, key: Value) -> Points:
        """What the gate reads: 64 at the query, -64 at others, 0 at none."""
        return OPEN * flag([value == key for value in self.keyed.query.domain], false=-1.0)

    def feeds(self) -> list[Feed]:
        """What is held, the gates of the states, and those of the outputs."""
        value, query = self.keyed.inputs[:2]
        opens = [self.gate(gate) for gate in self.keyed.gates]
        return [
            self.source(value, self.columns),
            *opens,
            *(self.source(query, self.asked(key)) for key in self.keyed.keys),
        ]

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        value, *opens = self.fed[: 1 + len(self.keyed.keys)]
        writer.carries()
        for key, gate in zip(self.keyed.keys, opens, strict=True):
            quantity = self.quantity(writer, stream, gate)
            row = stream.rows(self.keyed.query, self.asked(key))[0]
            for channel, out in self.channels(writer, stream, value):
                writer.channels[channel].steps[quantity] = (STEP - HOLD) / OPEN
                writer.channels[channel].gate = row
                writer.add(channel, out @ into / OPEN)


SWING = 16.0
"""How far the second factor moves the gate at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Multiplies(SsmOp):
    """x (64 + s y) / s - 64 x / s: the gate is silu of the second factor, lifted to where silu is the identity."""

    def feeds(self) -> list[Feed]:
        one, other = self.statement.inputs
        first = self.source(one, self.book.numbers(one))
        second = self.source(other, self.book.numbers(other))
        return [first, second]

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        other = self.statement.inputs[1]
        swing = SWING / max(1.0, float(self.book.numbers(other).abs().max()))
        lift = LIFT / stream.residual.bias * stream.residual.constant_row()
        row = stream.rows(other, self.book.numbers(other))[0]
        scale = self.book.scale(self.statement) / swing
        for gate, weight in ((lift + swing * row, 1.0), (None, -LIFT)):
            for channel, out in self.channels(writer, stream, self.fed[0]):
                writer.channels[channel].skip, writer.channels[channel].gate = 1.0, gate
                writer.add(channel, scale * weight * (out @ into))


OPS: dict[type[Statement], type[SsmOp]] = {
    Lag: Copies, Table: Copies, Hold: Holds, Count: Counts, Since: Passes, Register: Shifts, Product: Multiplies,
    Keyed: Recalls,
}  # fmt: skip
