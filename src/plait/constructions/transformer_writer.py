"""Weights of a GPT-NeoX block, said in the proof's words: attend at a distance, match, copy, step.

Source: docs/theory-constructions.md, section 6.3.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from plait.constructions.residual import Residual

SETTLED = 32.0
"""A step's sharpness: silu differs from max(x, 0) by less than 10^-12 beyond it; a power of 2, so that
dividing by it does not round (Lemma 7.3)."""


@dataclass
class TransformerWriter:
    """Collects what the head reads and writes and the MLP's units, and gives the block's tensors.

    Args:
        residual: the stream that the block reads and writes.
        factor: what LayerNorm makes of a signal of 1; the norms' weights undo it, so rows read signals as they are.
        n_pairs: rotary pairs of dimensions, at the head's start.
    """

    residual: Residual
    factor: float
    n_pairs: int
    _units: list[tuple[Tensor, float, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        d = self.residual.d_model
        self._used = 2 * self.n_pairs
        self._weights = {name: torch.zeros(d, d, dtype=torch.float64) for name in ("query", "key", "value")}
        self._biases = {name: torch.zeros(d, dtype=torch.float64) for name in ("query", "key", "value")}
        self._dense = torch.zeros(d, d, dtype=torch.float64)
        self._dense_bias = torch.zeros(d, dtype=torch.float64)
        self._mlp_bias = torch.zeros(d, dtype=torch.float64)

    def attend_at_distance(
        self, steps: Sequence[tuple[int, Float[Tensor, "2 d_model"], float]], *, sharpness: float
    ) -> None:
        """The score at distance t becomes `sharpness * sum of weight * (c cos(w t) + s sin(w t))`.

        `steps` holds, for each frequency w, its rotary pair, the rows that read (c, s), and its weight. The
        key is a constant; the query (c, -s) turned by w times its position meets it at the angle w t.
        """
        scale = sharpness * self.residual.d_model**0.5
        for pair, rows, weight in steps:
            self._weights["query"][pair] += scale * weight * rows[0]
            self._weights["query"][pair + self.n_pairs] -= scale * weight * rows[1]
            self._biases["key"][pair] = 1.0

    def attend_by_tangent(
        self,
        reads: Float[Tensor, " d_model"],
        *,
        offset: float,
        pair: int,
        middle: float,
        sharpness: float,
    ) -> None:
        """Adds `sharpness * (cos(w t - middle) + (signal + offset) sin(w t - middle))` at distance t.

        With the tangent of an angle as the signal, this is cos(w t - middle - angle) over the angle's cosine.
        """
        scale = sharpness * self.residual.d_model**0.5
        self._biases["query"][pair] += scale
        self._weights["query"][pair + self.n_pairs] -= scale * reads
        self._biases["query"][pair + self.n_pairs] -= scale * offset
        self._biases["key"][pair] = math.cos(middle)
        self._biases["key"][pair + self.n_pairs] = math.sin(middle)

    def attend_at_fixed_distance(
        self, distance: int, *, pair: int, frequency: float, sharpness: float
    ) -> None:
        """Adds `sharpness * cos(frequency * (t - distance))` to the score at distance t."""
        scale = sharpness * self.residual.d_model**0.5
        self._biases["query"][pair] += scale * math.cos(frequency * distance)
        self._biases["query"][pair + self.n_pairs] -= scale * math.sin(frequency * distance)
        self._biases["key"][pair] = 1.0

    def prefer_recent(self, *, pair: int, sharpness: float) -> None:
        """Adds `sharpness * cos(w t + pi / 4)` to the score at distance t, w being the pair's frequency."""
        scale = sharpness * self.residual.d_model**0.5 * 0.5**0.5
        self._biases["query"][pair] += scale
        self._biases["query"][pair + self.n_pairs] += scale
        self._biases["key"][pair] = 1.0

    def match(
        self,
        queries: Float[Tensor, "width d_model"],
        keys: Float[Tensor, "width d_model"],
        *,
        sharpness: float,
        offset: Float[Tensor, " width"] | None = None,
    ) -> None:
        """Adds `sharpness * sum of (query signal + offset) * key signal` to the score."""
        first, scale = self._next_dimension(len(queries)), sharpness * self.residual.d_model**0.5
        for place, (query, key) in enumerate(zip(queries, keys, strict=True)):
            self._weights["query"][first + place] = scale * query
            self._weights["key"][first + place] = key
            self._biases["query"][first + place] = 0.0 if offset is None else scale * float(offset[place])

    def _next_dimension(self, width: int) -> int:
        first = self._used
        self._used += width
        if self._used > self.residual.d_model:
            raise ValueError(f"a head of {self.residual.d_model} dimensions cannot hold {self._used} queries")
        return first

    def copy(
        self, rows: Float[Tensor, "width d_model"], *, into: Float[Tensor, "width d_model"], gain: float
    ) -> None:
        """What the signals along `rows` are where the head attends, times `gain`, is added along `into`."""
        for dimension, (row, target) in enumerate(zip(rows, into, strict=True)):
            self._weights["value"][dimension] = row
            self._dense[:, dimension] = gain * self.residual.amplitude * target

    def add(self, direction: Float[Tensor, " d_model"]) -> None:
        """Adds a constant signal along `direction` at every position."""
        self._dense_bias += self.residual.amplitude * direction

    def think(self, direction: Float[Tensor, " d_model"]) -> None:
        """Lets the MLP add a constant signal along `direction` at every position."""
        self._mlp_bias += self.residual.amplitude * direction

    def step(
        self, reads: Float[Tensor, " d_model"], *, low: float, high: float, into: Float[Tensor, " d_model"]
    ) -> None:
        """Adds 0 where the signal along `reads` is well below `low`, all of `into` where well above `high`.

        silu(a (y - t1)) - silu(a (y - t2)), which rises from 0 to a (t2 - t1) between t1 and t2: a third and
        two thirds of the way from `low` to `high`, `a` such that it has settled at either end.
        """
        third = (high - low) / 3.0  # 7.3: between two levels settled, rising, settled
        slope = SETTLED / third
        for sign, threshold in ((1.0, low + third), (-1.0, high - third)):
            self._units.append(
                (slope * reads, -slope * threshold, sign / SETTLED * self.residual.amplitude * into)
            )

    def tensors(self) -> dict[str, Tensor]:
        """The block's parameters, in float64."""
        d = self.residual.d_model
        zero = torch.zeros(d, dtype=torch.float64)
        undo = torch.full((d,), 1.0 / self.factor, dtype=torch.float64)
        parts = ("query", "key", "value")
        return {
            "input_layernorm.weight": undo,
            "input_layernorm.bias": zero,
            "post_attention_layernorm.weight": undo.clone(),
            "post_attention_layernorm.bias": zero.clone(),
            "attention.query_key_value.weight": torch.cat([self._weights[part] for part in parts]),
            "attention.query_key_value.bias": torch.cat([self._biases[part] for part in parts]),
            "attention.dense.weight": self._dense,
            "attention.dense.bias": self._dense_bias,
            "mlp.dense_h_to_4h.weight": _stack((unit[0] for unit in self._units), d),
            "mlp.dense_h_to_4h.bias": torch.tensor([unit[1] for unit in self._units], dtype=torch.float64),
            "mlp.dense_4h_to_h.weight": _stack((unit[2] for unit in self._units), d).T,
            "mlp.dense_4h_to_h.bias": self._mlp_bias,
        }


def _stack(rows: Iterable[Tensor], d_model: int) -> Float[Tensor, "units d_model"]:
    listed = list(rows)
    return torch.stack(listed) if listed else torch.zeros(0, d_model, dtype=torch.float64)
