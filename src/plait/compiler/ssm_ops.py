"""How an SSM layer makes each statement: what it needs of the stream, and its channels.

Sources: docs/theory-constructions.md, Lemmas 6.3, 7.1 and 7.2, and section 12.

Counts, registers, tokens since a reset: what states add up (docs/theory-constructions.md, Lemmas 12.6, 12.7).
"""

import math
from dataclasses import dataclass, replace

import torch

from plait.compiler.encoding import Points, flag
from plait.compiler.one_kind_alone import Keyed
from plait.compiler.pointwise import Product, ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.schedule import is_free, read_together
from plait.compiler.ssm_op import Directions, SsmOp
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.staircase import staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import ProgramStream
from plait.compiler.values import Value
from plait.compiler.wires import OPEN, Feed, Wire, staircase_feed, there_or_behind
from plait.constructions.mamba_writer import HOLD, LIFT, STEP

DRIFT = 2.0**-60
"""A count's state decays by this in a step."""

SLOW = -32.0
"""softplus of this is the step size of a count with a reset: a reset of 128 then leaves nothing of it."""

SLOW_STEP = math.log1p(math.exp(SLOW))


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts(SsmOp):
    """Steps of 128 that leave all but 2^-60 of the state; with a reset, steps of softplus(-32), and of 128 at it."""

    def feeds(self) -> list[Feed]:
        assert isinstance(self.statement, Count)
        amounts = self.statement.inputs[0]
        if len(self.statement.inputs) == 2:
            return [self._amounts_without_resets(), self._resets()]
        if all(isinstance(value, bool) for value in amounts.domain):
            base, _ = there_or_behind(amounts, set(self.there))
            if is_free(base) or base in self.there:
                feed = self.gate(amounts)
                return [_scaled(feed, 1.0 / OPEN)]
        return [self.source(amounts, self.book.numbers(amounts))]

    def _resets(self) -> Feed:
        return self.reset(self.statement.inputs[-1])

    def _amounts_without_resets(self) -> Feed:
        """One channel for every amount from 1 on, and for every one from -1 down: 64 where it is reached."""
        amounts, reset = self.statement.inputs
        numbers = self.book.numbers(amounts)
        read = read_together((amounts, reset), self.there, one_base=False)
        assert read is not None, "no row reads amounts and reset"
        (base, lag), (other, _) = read
        resets = (flag(reset.domain, false=0.0),)
        wires: list[Wire] = []
        needs: list[tuple[Statement, tuple[Points, ...]]] = [(other, resets)]
        for sign in (1, -1):
            for amount in range(1, int((sign * numbers).max()) + 1):
                reached = ((sign * numbers >= amount).double(),)
                doubled = (2.0 * reached[0],)
                out = torch.tensor([sign / OPEN], dtype=torch.float64)
                reads = ((base, doubled), (other, (-2.0 * resets[0],)))
                wires.append(Wire(reads=reads, taps={lag: 1.0}, scale=OPEN, bias=-OPEN, out=out))
                needs.append((base, reached))
        return Feed(wires=tuple(wires), constant=torch.zeros(1, dtype=torch.float64), needs=tuple(needs))

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        amounts, *resets = self.fed
        writer.carries()
        scale = self.book.scale(self.statement)
        if not resets:
            for channel, out in self.channels(writer, stream, amounts):
                chosen = writer.channels[channel]
                chosen.step_bias, chosen.rate = STEP, DRIFT / STEP
                writer.add(channel, scale * (out @ into))
            return
        quantity = self.quantity(writer, stream, resets[0])
        for channel, out in self.channels(writer, stream, amounts):
            slow(writer, channel, quantity)
            writer.add(channel, scale * STEP / SLOW_STEP * (out @ into))


@dataclass(frozen=True, kw_only=True, eq=False)
class Passes(SsmOp):
    """Tokens since a reset: a count with a reset whose amount is 1 wherever there is none."""

    def feeds(self) -> list[Feed]:
        (reset,) = self.statement.inputs
        base, lag = there_or_behind(reset, set(self.there))
        column = (flag(reset.domain, false=0.0),)
        out = torch.tensor([1.0 / OPEN], dtype=torch.float64)
        wire = Wire(reads=((base, (-2.0 * column[0],)),), taps={lag: 1.0}, scale=OPEN, bias=OPEN, out=out)
        amounts = Feed(wires=(wire,), constant=0.0 * out, needs=((base, column),))
        return [amounts, self.reset(reset)]

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        amounts, resets = self.fed
        writer.carries()
        quantity = self.quantity(writer, stream, resets)
        for channel, out in self.channels(writer, stream, amounts):
            slow(writer, channel, quantity)
            writer.add(channel, self.book.scale(self.statement) * STEP / SLOW_STEP * (out @ into))


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifts(SsmOp):
    """A register: channels that take up a bit at bits, and decay there (Lemma 7.2)."""

    def feeds(self) -> list[Feed]:
        (bit,) = self.statement.inputs
        base, lag = there_or_behind(bit, set(self.there))
        ones = (2.0 * self.book.numbers(bit) - 1.0,)
        known = (torch.ones(len(bit.domain), 1, dtype=torch.float64),)
        one = torch.ones(1, dtype=torch.float64)

        def feed(column: tuple[Points, ...]) -> Feed:
            wire = Wire(reads=((base, column),), taps={lag: 1.0}, scale=OPEN, bias=0.0, out=one)
            return Feed(wires=(wire,), constant=0.0 * one, needs=((base, column),))

        return [feed(ones), feed(known)]

    def write(self, writer: SsmWriter, stream: ProgramStream, into: Directions) -> None:
        assert isinstance(self.statement, BitRegister)
        bits, known = self.fed
        writer.carries()
        quantity = self.quantity(writer, stream, known)
        register, scale = self.book.register(self.statement.n_bits), self.book.scale(self.statement)
        for decay, weight in zip(register.decays, register.maps[0], strict=True):
            for channel, _ in self.channels(writer, stream, bits):
                chosen = writer.channels[channel]
                chosen.steps[quantity], chosen.rate = (STEP - HOLD) / OPEN, -math.log(decay) / STEP
                writer.add(channel, scale * weight / OPEN * into[0])


def slow(writer: SsmWriter, channel: int, quantity: int) -> None:
    """The channel's step is softplus(-32), and 128 where the quantity is 64."""
    chosen = writer.channels[channel]
    chosen.step_bias, chosen.steps[quantity] = SLOW, (STEP - SLOW) / OPEN


def _scaled(feed: Feed, factor: float) -> Feed:
    wires = tuple(replace(wire, out=factor * wire.out) for wire in feed.wires)
    return replace(feed, wires=wires, constant=factor * feed.constant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies(SsmOp):
    """A lag, or a table: the skip gives the present values, and no state is used (Lemma 7.1)."""

    def feeds(self) -> list[Feed]:
        if isinstance(self.statement, Lag):
            return [self.source(self.statement.inputs[0], self.columns, lag=self.statement.distance)]
        assert isinstance(self.statement, ValueTable)
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
        assert isinstance(value, ValueTable)
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
    Lag: Copies, ValueTable: Copies, Hold: Holds, Count: Counts, Since: Passes, BitRegister: Shifts,
    Product: Multiplies, Keyed: Recalls,
}  # fmt: skip
