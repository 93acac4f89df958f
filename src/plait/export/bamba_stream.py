"""The stream and the heads of a compiled program in the blocks of Bamba (see `bamba_writer.py` for what differs).

The stream is written in plain coordinates: RMSNorm takes nothing out, so that a coordinate of its own holds the
constant. Attention has no window, and half of the one head turns: all distances of a sequence are told apart.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.heads import HEAD_RESERVE, Look, Turns
from plait.compiler.lookups import AtDistance, Match, Mean, Previous
from plait.compiler.statement import Statement
from plait.constructions.residual import Residual
from plait.constructions.rotary import Frequencies

_BASES = (2.0**0.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0, 10000.0)
_N_FREQUENCIES = 6
BAMBA_QUIET = 2.0**-30
"""What a signal of 1 measures in the stream."""


class WindowNeededError(ValueError):
    """A statement needs a window, and no class that plain transformers loads has one for these blocks."""


@dataclass(frozen=True, kw_only=True)
class PlainResidual(Residual):
    """Coordinates: the constant, then the subspaces, then what fills the width up.

    Args:
        width_at_least: of the stream, a multiple of 4.
    """

    amplitude: float = BAMBA_QUIET
    bias: float = 1.0
    width_at_least: int = 8

    @property
    def d_model(self) -> int:
        used = 1 + sum(width for _, width in self.subspaces)
        return max(self.width_at_least, 4 * math.ceil(used / 4))

    def basis(self) -> Float[Tensor, "signals d_model"]:
        return torch.eye(self.d_model, dtype=torch.float64)[1:]

    def constant_row(self) -> Float[Tensor, " d_model"]:
        return torch.eye(self.d_model, dtype=torch.float64)[0]

    def embed(self, signals: Mapping[str, Float[Tensor, "tokens width"]]) -> Float[Tensor, "tokens d_model"]:
        n_tokens = len(next(iter(signals.values())))
        total = self.constant_row().expand(n_tokens, -1).clone()
        for name, values in signals.items():
            total += values.to(torch.float64) @ self.rows(name)
        return self.amplitude * total


@dataclass(frozen=True, kw_only=True)
class BambaTurns(Turns):
    """Heads without windows; pair k of `d_model / 4` has frequency base^(-k / pairs).

    Raises:
        WindowNeededError: a statement looks at fewer positions than all before it.
    """

    d_model: int

    def __post_init__(self) -> None:
        for one in self.heads:
            windowed = isinstance(one, Mean) or (isinstance(one, Match) and one.last is not None)
            if windowed:
                raise WindowNeededError(
                    f"{one.kind} looks through a window, which no class of transformers has here"
                )

    def window(self, statement: Statement) -> int:
        return self.seq_len

    @cached_property
    def frequencies(self) -> Frequencies:
        pairs = self.d_model // 4
        used = tuple(range(min(_N_FREQUENCIES, pairs)))
        if any(isinstance(one, Match) for one in self.heads):
            slow = math.pi / (2.0 * max(2, self.seq_len))
            return Frequencies(base=slow ** (-pairs / (pairs - 1)), n_pairs=pairs, used=used)
        tries = (Frequencies(base=base, n_pairs=pairs, used=used) for base in _BASES)
        return max(tries, key=lambda one: one.margin(range(-self._reach, self.seq_len + 1)))

    @property
    def _reach(self) -> int:
        numbers = [one.reach for one in self.heads if isinstance(one, AtDistance)]
        numbers += [one.distance for one in self.heads if isinstance(one, Previous)]
        return max(numbers, default=1)

    def look_at(self, statement: AtDistance | Previous) -> Look:
        margin = self.frequencies.margin(range(-self._reach, self.seq_len + 1))
        miss = self.miss(statement)
        return Look(sharpness=HEAD_RESERVE * math.log(self.seq_len / miss) / margin, margin=margin, miss=miss)
