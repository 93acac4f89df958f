"""Counts, registers, tokens since a reset: what states add up (docs/theory-constructions.md, Lemmas 12.6, 12.7)."""

import math
from dataclasses import dataclass, replace

import torch

from plait.compiler.encoding import Points, flag
from plait.compiler.recurrent import Count, Register
from plait.compiler.schedule import is_free, read_together
from plait.compiler.ssm_op import Directions, SsmOp
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.statement import Statement
from plait.compiler.stream import ProgramStream
from plait.compiler.wires import OPEN, Feed, Wire, there_or_behind
from plait.constructions.mamba_writer import HOLD, STEP

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
        assert isinstance(self.statement, Register)
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
