"""Weights of a Mamba block, said in the proof's words: channels that read, hold, step and write.

A channel reads one direction of the normalised stream, passes it through SiLU, takes it into its state with the
step size, and adds state and skip to the stream. The gate of every channel is the constant 1.
Source: docs/theory-constructions.md, section 6.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from plait.constructions.residual import Residual

SILU_ONE = 1.278464542761073795
"""silu of this is 1."""

HOLD = -128.0
"""softplus of this is 0 in float32 and 2^-184 in exact numbers: `exp(dt A)` is then 1, and nothing is taken up."""

STEP = 128.0
"""The step size of a write with reset: exp(-128) times the old state is below any rounding of the new one."""

LIFT = 64.0
"""What a channel is lifted by to pass a signal as it is: beyond 40, silu is the identity to the last bit of float64."""


@dataclass
class _Channel:
    reads: Tensor
    bias: float
    lag: int
    step_weight: float = 0.0
    step_bias: float = HOLD
    rate: float = 1.0
    skip: float = 0.0
    writes: Tensor | None = None


@dataclass
class MambaWriter:
    """Collects channels and gives the block's tensors.

    Args:
        residual: the stream that the block reads and writes.
        factor: what RMSNorm makes of a signal of 1; the norm's weights undo it, so rows read signals as they are.
        d_conv: taps of the convolution.
    """

    residual: Residual
    factor: float
    d_conv: int = 1
    _channels: list[_Channel] = field(default_factory=list)
    _step: dict[int, float] = field(default_factory=dict)
    _take: dict[int, float] = field(default_factory=dict)
    _give: dict[int, float] = field(default_factory=dict)

    def channel(
        self, reads: Float[Tensor, " d_model"] | None = None, *, bias: float = 0.0, lag: int = 0
    ) -> int:
        """A channel of value `silu(signal + bias)`, the signal being that along `reads`, `lag` tokens ago."""
        row = torch.zeros(self.residual.d_model, dtype=torch.float64) if reads is None else reads
        self._channels.append(_Channel(reads=row, bias=bias, lag=lag))
        return len(self._channels) - 1

    def constant(self) -> int:
        """A channel that is 1 at every token."""
        return self.channel(bias=SILU_ONE)

    def pair(self, reads: Float[Tensor, " d_model"], *, lag: int = 0) -> tuple[int, int]:
        """Two channels whose difference is the signal itself: silu(z) - silu(-z) = z."""
        return self.channel(reads, lag=lag), self.channel(-reads, lag=lag)

    def step_by(self, channel: int, weight: float) -> None:
        """Adds `weight` times the channel to the quantity that decides step sizes."""
        self._step[channel] = weight

    def take_by(self, channel: int, weight: float) -> None:
        """Adds `weight` times the channel to B: how much of the input the states take up."""
        self._take[channel] = weight

    def give_by(self, channel: int, weight: float) -> None:
        """Adds `weight` times the channel to C: how much of the states the outputs show."""
        self._give[channel] = weight

    def steps(self, channel: int, *, weight: float, bias: float, rate: float = 1.0) -> None:
        """The channel's step size is softplus(weight * quantity + bias), its decay exp(-rate * step)."""
        chosen = self._channels[channel]
        chosen.step_weight, chosen.step_bias, chosen.rate = weight, bias, rate

    def skip(self, channel: int, weight: float) -> None:
        """Adds `weight` times the channel's present value to its output."""
        self._channels[channel].skip = weight

    def write(self, channel: int, into: Float[Tensor, " d_model"]) -> None:
        """The channel's output goes along `into`."""
        self._channels[channel].writes = into * self.residual.amplitude

    def tensors(self) -> dict[str, Tensor]:
        """The block's parameters, in float64."""
        channels, d_model = self._channels, self.residual.d_model
        gate = self.residual.constant_row() * SILU_ONE / self.residual.bias
        taps = torch.zeros(len(channels), 1, self.d_conv, dtype=torch.float64)
        for index, channel in enumerate(channels):
            taps[index, 0, self.d_conv - 1 - channel.lag] = 1.0
        zero = torch.zeros(d_model, dtype=torch.float64)
        return {
            "norm.weight": torch.full((d_model,), 1.0 / self.factor, dtype=torch.float64),
            "mixer.in_proj.weight": torch.stack([*(c.reads for c in channels), *[gate] * len(channels)]),
            "mixer.conv1d.weight": taps,
            "mixer.conv1d.bias": _vector(c.bias for c in channels),
            "mixer.x_proj.weight": torch.stack([self._row(w) for w in (self._step, self._take, self._give)]),
            "mixer.dt_proj.weight": _vector(c.step_weight for c in channels).unsqueeze(-1),
            "mixer.dt_proj.bias": _vector(c.step_bias for c in channels),
            "mixer.A_log": _vector(c.rate for c in channels).log().unsqueeze(-1),
            "mixer.D": _vector(c.skip for c in channels),
            "mixer.out_proj.weight": torch.stack(
                [zero if c.writes is None else c.writes for c in channels], dim=-1
            ),
        }

    def _row(self, weights: dict[int, float]) -> Tensor:
        return _vector(weights.get(index, 0.0) for index in range(len(self._channels)))


def _vector(values: Iterable[float]) -> Float[Tensor, " n"]:
    return torch.tensor(list(values), dtype=torch.float64)
