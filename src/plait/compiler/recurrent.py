"""Statements that carry something from position to position: what an SSM layer holds."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.compiler.statement import NOTHING, Numeric, SignalValues, Statement, Summing, looked_up
from plait.compiler.values import Value, amounts_of


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Lag(Statement):
    """What the signal was `distance` positions ago; nothing before the start."""

    kind: ClassVar[str] = "lag"

    distance: int

    @property
    def maybe(self) -> bool:
        return True

    @property
    def loose(self) -> bool:
        (signal,) = self.inputs
        return signal.loose or signal.numeric

    @property
    def numeric(self) -> bool:
        return self.inputs[0].numeric

    def meaning(self, *columns: SignalValues) -> SignalValues:
        (column,) = columns
        before: SignalValues = [None] * min(self.distance, len(column))
        return before + column[: len(column) - len(before)]

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return earlier(columns[0], self.distance)

    def parameters(self) -> dict[str, object]:
        return {"distance": self.distance}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Hold(Statement):
    """The signal as it was at the latest position, this one included, where the gate was true; else nothing.

    Inputs: the signal, and the gate if there is one; without, it opens wherever the signal holds something.
    """

    kind: ClassVar[str] = "hold"

    @property
    def maybe(self) -> bool:
        return True

    @property
    def loose(self) -> bool:
        return self.inputs[0].loose or self.inputs[0].numeric

    @property
    def numeric(self) -> bool:
        return self.inputs[0].numeric

    def meaning(self, *columns: SignalValues) -> SignalValues:
        values = columns[0]
        gates = columns[1] if len(columns) == 2 else [None if value is None else True for value in values]
        held: Value | None = None
        found: SignalValues = []
        for value, gate in zip(values, gates, strict=True):
            held = value if gate is True else held
            found.append(held)
        return found

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        is_open = truth(self.inputs[1], columns[1]) if len(columns) == 2 else columns[0] >= 0
        place = latest_place(is_open)
        return columns[0].gather(-1, place.clamp(min=0)).masked_fill(place < 0, NOTHING)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Count(Summing):
    """The sum of the amounts so far, true being 1 and nothing 0; with a reset, of those behind its latest position.

    Inputs: the amounts, and the reset if there is one.
    """

    kind: ClassVar[str] = "count"

    @property
    def ends(self) -> tuple[int, int]:
        return int(self.domain[0]), int(self.domain[-1])  # type: ignore[arg-type]

    def meaning(self, *columns: SignalValues) -> SignalValues:
        low, high = self.ends
        resets = columns[1] if len(columns) == 2 else [None] * len(columns[0])
        total, found = 0, []
        for amount, reset in zip(columns[0], resets, strict=True):
            total = 0 if reset is True else total + (0 if amount is None else int(amount))  # type: ignore[arg-type]
            kept = min(max(total, low), high)
            found.append(kept if self.stay or kept == total else None)
        return found

    def totals(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """The sums, also outside the domain."""
        amounts = looked_up(amounts_of(self.inputs[0].domain, self.kind), columns[0], nothing=0)
        return since_reset(amounts, truth(self.inputs[1], columns[1]) if len(columns) == 2 else None)

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return _within(self.totals(*columns), self.ends, stay=self.stay)

    def parameters(self) -> dict[str, object]:
        low, high = self.ends
        return {"least": low, "most": high, "stay": self.stay}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Since(Summing):
    """Tokens since the latest reset, 0 at the reset itself; before the first, tokens so far."""

    kind: ClassVar[str] = "since"

    @property
    def most(self) -> int:
        return int(self.domain[-1])  # type: ignore[arg-type]

    def meaning(self, *columns: SignalValues) -> SignalValues:
        passed, found = 0, []
        for reset in columns[0]:
            passed = 0 if reset is True else passed + 1
            found.append(min(passed, self.most) if self.stay or passed <= self.most else None)
        return found

    def totals(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """The numbers, also those above the most."""
        return since_reset(torch.ones_like(columns[0]), truth(self.inputs[0], columns[0]))

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        return _within(self.totals(*columns), (0, self.most), stay=self.stay)

    def parameters(self) -> dict[str, object]:
        return {"most": self.most, "stay": self.stay}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BitRegister(Numeric):
    """The last `n_bits` bits, those before the start being 0, as a number whose lowest bit is the latest.

    A position where the input is nothing brings no bit.
    """

    kind: ClassVar[str] = "register"

    n_bits: int

    def meaning(self, *columns: SignalValues) -> SignalValues:
        value, found = 0, []
        for bit in columns[0]:
            value = value if bit is None else (2 * value + int(bit)) % 2**self.n_bits  # type: ignore[arg-type]
            found.append(value)
        return found

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        bits = looked_up(amounts_of(self.inputs[0].domain, self.kind), columns[0])
        rank = (bits >= 0).cumsum(-1)
        # Bit number r of the row stands at place r + n_bits, behind as many zeros.
        row = bits.new_zeros(*bits.shape[:-1], bits.shape[-1] + self.n_bits + 1)
        row.scatter_(-1, torch.where(bits >= 0, rank + self.n_bits, 0), bits.clamp(min=0))
        row[..., 0] = 0
        return sum(
            (row.gather(-1, rank + self.n_bits - back) << back for back in range(self.n_bits)),
            start=torch.zeros_like(bits),
        )

    def parameters(self) -> dict[str, object]:
        return {"n_bits": self.n_bits}


def truth(signal: Statement, column: Int[Tensor, "*batch time"]) -> Bool[Tensor, "*batch time"]:
    """Where the signal is true; false and nothing are not."""
    return looked_up([int(value is True) for value in signal.domain], column, nothing=0).bool()


def earlier(column: Int[Tensor, "*batch time"], distance: int) -> Int[Tensor, "*batch time"]:
    """The column `distance` places ago, nothing before the start."""
    kept = max(column.shape[-1] - distance, 0)
    before = column.new_full((*column.shape[:-1], column.shape[-1] - kept), NOTHING)
    return torch.cat((before, column[..., :kept]), dim=-1)


def latest_place(mask: Bool[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
    """The latest place up to each position where the mask is true; -1 for none."""
    places = torch.arange(mask.shape[-1], device=mask.device).expand(mask.shape)
    return torch.where(mask, places, -1).cummax(-1).values


def since_reset(
    amounts: Int[Tensor, "*batch time"], resets: Bool[Tensor, "*batch time"] | None
) -> Int[Tensor, "*batch time"]:
    """The sum of the amounts behind the latest reset, 0 at a reset."""
    if resets is None:
        return amounts.cumsum(-1)
    total = amounts.masked_fill(resets, 0).cumsum(-1)
    place = latest_place(resets)
    return total - total.gather(-1, place.clamp(min=0)).masked_fill(place < 0, 0)


def _within(
    total: Int[Tensor, "*batch time"], ends: tuple[int, int], *, stay: bool
) -> Int[Tensor, "*batch time"]:
    """Numbers as places in the domain from one end to the other."""
    low, high = ends
    place = total.clamp(low, high) - low
    return place if stay else place.masked_fill((total < low) | (total > high), NOTHING)
