"""The residual stream as the proofs see it: named orthonormal subspaces beside the all-ones direction.

    hidden = amplitude * (bias * (1, .., 1) + sum over the named subspaces of their signals)

The subspaces lie in the hyperplane orthogonal to (1, .., 1). RMSNorm keeps the ones direction, which so is a
constant that Mamba's bias-free projections can read; LayerNorm's mean subtraction removes it and nothing else.
Source: docs/theory-constructions.md, section 6.1. `assemble` makes a model's parameters of written blocks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

QUIET = 2.0**-40
"""An amplitude whose square is nothing beside the norms' epsilon: they divide by one constant, whatever they see."""


@dataclass(frozen=True, kw_only=True)
class Residual:
    """The layout of a residual stream.

    Args:
        subspaces: name and width of every subspace, in the order of the basis.
        amplitude: what a signal of 1 measures in the stream.
        bias: the constant along the ones direction, in the same unit.
    """

    subspaces: tuple[tuple[str, int], ...]
    amplitude: float = 1.0
    bias: float = 0.5

    @property
    def d_model(self) -> int:
        return 1 + sum(width for _, width in self.subspaces)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.subspaces)

    def width(self, name: str) -> int:
        return dict(self.subspaces)[name]

    def basis(self) -> Float[Tensor, "signals d_model"]:
        """Orthonormal rows, all orthogonal to the ones: a Householder reflection without its first row.

        The reflection swaps the first unit vector and the ones direction, so its other rows are what is left.
        """
        return _reflected(self.d_model)

    def rows(self, name: str) -> Float[Tensor, "width d_model"]:
        """The basis of one subspace."""
        start = 0
        for other, width in self.subspaces:
            if other == name:
                return self.basis()[start : start + width]
            start += width
        raise ValueError(f"no subspace {name!r}; there are {', '.join(self.names)}")

    def strewn(self, sizes: Mapping[str, float | Tensor]) -> Float[Tensor, " d_model"]:
        """By channel, the sum of the sizes of what signals of these sizes write (by subspace, or by coordinate)."""
        total = torch.zeros(self.d_model, dtype=torch.float64)
        for name, size in sizes.items():
            rows = self.rows(name).abs()
            total = total + torch.as_tensor(size, dtype=torch.float64).expand(len(rows)) @ rows
        return total

    def overlap(self, read: str, written: str) -> float:
        """How much of the rounding of signals written into one subspace a signal of another may show, at most.

        Subspaces are orthogonal, but channels are rounded one by one, each by its own share of what is written.
        """
        return float((self.rows(read).abs() @ self.rows(written).abs().sum(0)).max())

    def constant_row(self) -> Float[Tensor, " d_model"]:
        """Reads the constant: its product with the stream is `amplitude * bias` whatever the signals are."""
        return torch.full((self.d_model,), 1.0 / self.d_model, dtype=torch.float64)

    def embed(self, signals: Mapping[str, Float[Tensor, "tokens width"]]) -> Float[Tensor, "tokens d_model"]:
        """Rows of the stream that hold these signals and the constant."""
        total = self.bias * torch.ones(self.d_model, dtype=torch.float64)
        for name, values in signals.items():
            total = total + values.to(torch.float64) @ self.rows(name)
        return self.amplitude * total

    def read(self, hidden: Float[Tensor, "*batch d_model"], name: str) -> Float[Tensor, "*batch width"]:
        """What a subspace holds, in units of the signals."""
        return hidden.to(torch.float64) @ self.rows(name).T / self.amplitude

    def rms_factor(self, square: float, *, eps: float) -> float:
        """What RMSNorm multiplies a signal of 1 by, where the signals' squares sum up to `square`."""
        mean = self.amplitude**2 * (self.bias**2 + square / self.d_model)
        return self.amplitude / math.sqrt(mean + eps)

    def layer_factor(self, square: float, *, eps: float) -> float:
        """What LayerNorm multiplies a signal of 1 by, where the signals' squares sum up to `square`."""
        return self.amplitude / math.sqrt(self.amplitude**2 * square / self.d_model + eps)

    def softening(self, least: float, most: float, *, eps: float, constant: bool = False) -> float:
        """By how much, at most, a norm makes a signal smaller at squares of `most` than at `least` (Lemma 6.1).

        Args:
            constant: the norm sees the constant too, as RMSNorm does.
        """
        own = self.bias**2 if constant else 0.0
        scale = self.amplitude**2
        # (1 + x)^(-1/2) >= 1 - x/2; a difference of two factors would be all rounding where the stream is quiet.
        grown = scale * (most - least) / self.d_model / (scale * (own + least / self.d_model) + eps)
        return min(1.0, grown / 2.0)


@lru_cache(maxsize=4)
def _reflected(d: int) -> Float[Tensor, "signals d_model"]:
    """The basis of a stream of `d` channels; the proof of one layout asks for it hundreds of times."""
    normal = torch.full((d,), d**-0.5, dtype=torch.float64)
    normal[0] -= 1.0
    square = float(normal @ normal)
    identity = torch.eye(d, dtype=torch.float64)
    return (identity - 2.0 * torch.outer(normal, normal) / square if square else identity)[1:]


def assemble(
    embedding: Float[Tensor, "tokens d_model"],
    blocks: Sequence[dict[str, Tensor]],
    *,
    vocab_size: int,
    final_gain: float,
) -> dict[str, Tensor]:
    """Every parameter, in float64.

    Args:
        embedding: a row for every token that may occur; the specials after them get zeros.
        blocks: each layer's parameters.
        vocab_size: all tokens, specials included.
        final_gain: every weight of the last norm.
    """
    d_model = embedding.shape[1]
    specials = torch.zeros(vocab_size - embedding.shape[0], d_model, dtype=torch.float64)
    weights = {
        "embedding.weight": torch.cat((embedding, specials)),
        "final_norm.weight": torch.full((d_model,), final_gain, dtype=torch.float64),
        "final_norm.bias": torch.zeros(d_model, dtype=torch.float64),
    }
    for index, block in enumerate(blocks):
        weights |= {f"layers.{index}.{name}": tensor for name, tensor in block.items()}
    return weights
