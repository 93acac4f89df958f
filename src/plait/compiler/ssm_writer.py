"""Weights of a Mamba block in the words of the compiled statements: several step sizes, mixed lags, gates.

value   x = silu(sum over lags of tap * (row . normed) + bias)
step    softplus(sum over quantities of weight * quantity + bias), a quantity being a sum of channels
state   s = exp(-rate step) s + step B x,   B the same for all channels of a position, and C
output  (C s + skip x) * silu(gate row . normed), added along a direction
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from plait.constructions.mamba_writer import HOLD, SILU_ONE, STEP
from plait.constructions.residual import Residual

_Row = Float[Tensor, " d_model"]


@dataclass(eq=False)
class Channel:
    """One channel of the block.

    Args:
        row: what it reads of the normed stream.
        taps: by lag, how much of that.
        bias: added before SiLU.
        steps: by quantity, its weight in the step size.
        step_bias: of the step size.
        rate: a step of size s leaves exp(-rate s) of the state.
        skip: how much of the present value is in the output.
        gate: what it reads for the output's gate; None for the constant 1.
        writes: the direction along which the output is added.
    """

    row: _Row
    taps: Mapping[int, float]
    bias: float = 0.0
    steps: dict[int, float] = field(default_factory=dict)
    step_bias: float = HOLD
    rate: float = 1.0
    skip: float = 0.0
    gate: _Row | None = None
    writes: _Row | None = None


@dataclass(eq=False)
class SsmWriter:
    """Collects channels and quantities, and gives the block's tensors.

    Args:
        residual: the stream that the block reads and writes.
        factor: what RMSNorm makes of a signal of 1; the norm's weights undo it.
    """

    residual: Residual
    factor: float
    channels: list[Channel] = field(default_factory=list)
    quantities: list[dict[int, float]] = field(default_factory=list)
    _one: int | None = None
    holds: bool = False

    def channel(self, row: _Row, taps: Mapping[int, float], *, bias: float = 0.0) -> int:
        """A channel of this value."""
        self.channels.append(Channel(row=row, taps=taps, bias=bias))
        return len(self.channels) - 1

    def one(self) -> int:
        """The channel that is 1 at every token."""
        if self._one is None:
            self._one = self.channel(
                torch.zeros(self.residual.d_model, dtype=torch.float64), {0: 1.0}, bias=SILU_ONE
            )
        return self._one

    def quantity(self, weights: Mapping[int, float]) -> int:
        """A sum of channels that step sizes can be made from."""
        if dict(weights) not in self.quantities:
            self.quantities.append(dict(weights))
        return self.quantities.index(dict(weights))

    def carries(self) -> None:
        """States are used: B becomes 1/128 and C becomes 1 at every token."""
        self.one()
        self.holds = True

    def add(self, channel: int, direction: _Row) -> None:
        """The channel's output goes along `direction` too."""
        chosen = self.channels[channel]
        direction = direction * self.residual.amplitude
        chosen.writes = direction if chosen.writes is None else chosen.writes + direction

    def take_out(self, row: _Row) -> None:
        """Subtract what stands along `row`: by the skips of a pair that reads and writes it, or by a pair more."""
        for sign in (1.0, -1.0):
            found = next((one for one in self.channels if self._passes(one, sign * row)), None)
            if found is None:
                found = self.channels[self.channel(sign * row, {0: 1.0})]
                found.writes = sign * row * self.residual.amplitude
            found.skip = -1.0

    def _passes(self, channel: Channel, row: _Row) -> bool:
        """Whether a channel reads along a row, and writes what its state holds there."""
        reads = dict(channel.taps) == {0: 1.0} and channel.bias == 0.0 and channel.gate is None
        if not reads or channel.writes is None or channel.skip != 0.0:
            return False
        # The row itself, but for rounding in float64.
        written = channel.writes / self.residual.amplitude
        return torch.allclose(channel.row, row, atol=1e-12) and torch.allclose(written, row, atol=1e-12)

    @property
    def d_conv(self) -> int:
        return 1 + max((lag for channel in self.channels for lag in channel.taps), default=0)

    def tensors(self, *, d_inner: int, dt_rank: int, d_conv: int) -> dict[str, Tensor]:
        """The block's parameters in float64, filled up with channels and quantities that do nothing."""
        d_model = self.residual.d_model
        zero = torch.zeros(d_model, dtype=torch.float64)
        idle = [Channel(row=zero, taps={})] * (d_inner - len(self.channels))
        channels = [*self.channels, *idle]
        open_gate = self.residual.constant_row() * SILU_ONE / self.residual.bias
        taps = torch.zeros(d_inner, 1, d_conv, dtype=torch.float64)
        steps = torch.zeros(d_inner, dt_rank, dtype=torch.float64)
        for index, channel in enumerate(channels):
            for lag, weight in channel.taps.items():
                taps[index, 0, d_conv - 1 - lag] = weight
            for quantity, weight in channel.steps.items():
                steps[index, quantity] = weight
        x_proj = torch.zeros(dt_rank + 2, d_inner, dtype=torch.float64)
        for quantity, weights in enumerate(self.quantities):
            for index, weight in weights.items():
                x_proj[quantity, index] = weight
        if self.holds:
            x_proj[dt_rank, self.one()] = 1.0 / STEP
            x_proj[dt_rank + 1, self.one()] = 1.0
        writes = [zero if channel.writes is None else channel.writes for channel in channels]
        gates = [open_gate if channel.gate is None else channel.gate for channel in channels]
        return {
            "norm.weight": torch.full((d_model,), 1.0 / self.factor, dtype=torch.float64),
            "mixer.in_proj.weight": torch.stack([*(channel.row for channel in channels), *gates]),
            "mixer.conv1d.weight": taps,
            "mixer.conv1d.bias": _vector([channel.bias for channel in channels]),
            "mixer.x_proj.weight": x_proj,
            "mixer.dt_proj.weight": steps,
            "mixer.dt_proj.bias": _vector([channel.step_bias for channel in channels]),
            "mixer.A_log": _vector([channel.rate for channel in channels]).log().unsqueeze(-1),
            "mixer.D": _vector([channel.skip for channel in channels]),
            "mixer.out_proj.weight": torch.stack(writes, dim=-1),
        }


def _vector(values: list[float]) -> Float[Tensor, " n"]:
    return torch.tensor(values, dtype=torch.float64)
