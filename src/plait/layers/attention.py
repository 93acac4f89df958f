"""The projections of causal attention inside a sliding window, with rotary positions.

What they compute: `plait.kernels.neox.reference`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.kernels.neox.reference import masked_scores
from plait.layers import rope
from plait.layers.linear import Linear
from plait.layers.spec import LayerSpec

_QUERIES = 256
"""Queries treated at once, at least: bounds the scores held to this many rows, or to the window."""


class Attention(nn.Module):
    """Projections for all heads, each head's query, key and value side by side as GPT-NeoX stores them."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.query_key_value = Linear(spec.d_model, 3 * spec.d_model, bias=True)
        self.dense = Linear(spec.d_model, spec.d_model, bias=True)

    def margins(
        self, hidden: Float[Tensor, "*batch time d_model"], sources: Int[Tensor, "*batch time"]
    ) -> Float[Tensor, "*batch time"]:
        """How far the score `sources` places back is ahead of all others in the window (nats).

        Of several heads, that of the one that leads most; minus infinity where that place is not seen.
        """
        query, key, _ = self.heads(hidden).chunk(3, dim=-1)
        turn = self.turn(0, hidden.shape[-2], hidden.device)
        query, key = (rope.rotate(part, turn, self.spec.d_turning) for part in (query, key))
        block = max(_QUERIES, self.spec.window or 0)
        found: list[Tensor] = []
        for start in range(0, hidden.shape[-2], block):
            stop = min(start + block, hidden.shape[-2])
            first = 0 if self.spec.window is None else max(0, start - self.spec.window + 1)
            scores = masked_scores(
                query[..., start:stop, :],
                key[..., first:stop, :],
                window=self.spec.window,
                positions=self.spec.positions,
            )
            place = torch.arange(start - first, stop - first, device=hidden.device) - sources[..., start:stop]
            seen = (place >= 0) & (place < stop - first)
            place = (place * seen).unsqueeze(-2).unsqueeze(-1).expand(*scores.shape[:-1], 1)
            own = scores.gather(-1, place).squeeze(-1).masked_fill(~seen.unsqueeze(-2), -torch.inf)
            others = scores.scatter(-1, place, -torch.inf).max(-1).values
            found.append((own - others).max(-2).values)
        return torch.cat(found, dim=-1)

    def heads(self, hidden: Float[Tensor, "*batch time d_model"]) -> Float[Tensor, "*batch n_heads time qkv"]:
        """Query, key and value of each head, side by side."""
        return (
            self.query_key_value(hidden)
            .unflatten(-1, (self.spec.n_heads, 3 * self.spec.d_head))
            .transpose(-3, -2)
        )

    def turn(self, start: int, stop: int, device: torch.device) -> Tensor:
        """Rotary angles of the positions from `start` to `stop`."""
        positions = torch.arange(start, stop, dtype=torch.float64, device=device)
        return rope.angles(positions, d_rotary=self.spec.d_rotary, base=self.spec.rotary_base)
