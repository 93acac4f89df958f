"""Weights of a GPT-NeoX block, said in the proof's words: attend at a distance, match, copy, step.

Source: docs/theory.md, section 6.3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from plait.constructions.residual import Residual


@dataclass
class TransformerWriter:
    """Collects what the head reads and writes and the MLP's units, and gives the block's tensors.

    Args:
        residual: the stream that the block reads and writes.
        factor: what LayerNorm multiplies a signal of 1 by.
        n_pairs: rotary pairs of dimensions, at the head's start.
    """

    residual: Residual
    factor: float
    n_pairs: int
    _units: list[tuple[Tensor, float, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        d = self.residual.d_model
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
        scale = sharpness * self.residual.d_model**0.5 / self.factor
        for pair, rows, weight in steps:
            self._weights["query"][pair] += scale * weight * rows[0]
            self._weights["query"][pair + self.n_pairs] -= scale * weight * rows[1]
            self._biases["key"][pair] = 1.0

    def copy(self, rows: Float[Tensor, "width d_model"], *, gain: float) -> None:
        """What the signals along `rows` are where the head attends, times `gain`, is added along `rows`."""
        for dimension, row in enumerate(rows):
            self._weights["value"][dimension] = row / self.factor
            self._dense[:, dimension] = gain * self.residual.amplitude * row

    def tensors(self) -> dict[str, Tensor]:
        """The block's parameters, in float64."""
        d = self.residual.d_model
        one, zero = torch.ones(d, dtype=torch.float64), torch.zeros(d, dtype=torch.float64)
        parts = ("query", "key", "value")
        return {
            "input_layernorm.weight": one,
            "input_layernorm.bias": zero,
            "post_attention_layernorm.weight": one.clone(),
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
