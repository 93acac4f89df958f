"""Causal attention inside a sliding window, with rotary positions: the attention of GPT-NeoX.

A query sees the last `window` positions, its own included; `window=1` reads only the present.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.layers import rope
from plait.layers.dropout import dropout
from plait.layers.linear import Linear
from plait.layers.precision import wide
from plait.layers.spec import LayerSpec
from plait.random import Stream

_QUERIES = 256
"""Queries treated at once, at least: bounds the scores held to this many rows, or to the window."""


class Attention(nn.Module):
    """Projections for all heads, each head's query, key and value side by side as GPT-NeoX stores them."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.query_key_value = Linear(spec.d_model, 3 * spec.d_model, bias=True)
        self.dense = Linear(spec.d_model, spec.d_model, bias=True)

    def forward(
        self,
        hidden: Float[Tensor, "*batch time d_model"],
        *,
        dropout_stream: Stream | None = None,
        draw: int = 0,
    ) -> Float[Tensor, "*batch time d_model"]:
        """All positions at once."""
        query, key, value = self.heads(hidden).chunk(3, dim=-1)
        turn = self.turn(0, hidden.shape[-2], hidden.device)
        query, key = (rope.rotate(part, turn, self.spec.d_turning) for part in (query, key))
        if dropout_stream is not None and self.spec.dropout > 0.0:
            weights = attention_weights(query, key, window=self.spec.window)
            weights = dropout(weights, rate=self.spec.dropout, stream=dropout_stream, draw=draw)
            mixed = weights.to(value.dtype) @ value
        else:
            mixed = attend(query, key, value, window=self.spec.window)
        return self.dense(mixed.transpose(-3, -2).flatten(-2))

    def step(
        self,
        hidden: Float[Tensor, "*batch 1 d_model"],
        cache: Float[Tensor, "*batch held kv"],
        first: int = 0,
    ) -> tuple[Float[Tensor, "*batch 1 d_model"], Float[Tensor, "*batch held_after kv"]]:
        """One position, and the keys and values that the next one needs.

        Keys are held as they were before rotation and turned by their place in the cache, since scores
        depend on distances alone: so no position is counted, and no angle grows with the stream. Where they depend
        on more (`spec.relative`), `first` is the position of the oldest token in the cache.
        """
        heads = self.heads(hidden)
        d_head = self.spec.d_head
        entry = heads[..., d_head:].transpose(-3, -2).flatten(-2)
        seen = torch.cat((cache, entry), dim=-2)
        by_head = seen.reshape(*seen.shape[:-1], self.spec.n_heads, 2 * d_head).transpose(-3, -2)
        key, value = by_head[..., :d_head], by_head[..., d_head:]
        turn = self.turn(first, first + seen.shape[-2], hidden.device)
        query = rope.rotate(heads[..., :d_head], turn[-1:], self.spec.d_turning)
        mixed = attend(query, rope.rotate(key, turn, self.spec.d_turning), value, window=None)
        if self.spec.window is not None and seen.shape[-2] >= self.spec.window:
            seen = torch.cat((cache[..., 1:, :], entry), dim=-2) if self.spec.window > 1 else cache
        return self.dense(mixed.transpose(-3, -2).flatten(-2)), seen

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
                query[..., start:stop, :], key[..., first:stop, :], window=self.spec.window
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


def attention_weights(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
) -> Float[Tensor, "*batch queries keys"]:
    """Softmax over the visible keys, in float32 or better; the last query stands at the last key."""
    return masked_scores(query, key, window=window).softmax(dim=-1)


def masked_scores(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
) -> Float[Tensor, "*batch queries keys"]:
    """What the softmax is taken of, minus infinity at keys that are not seen."""
    exact = wide(query.dtype)
    scores = (query.to(exact) @ key.to(exact).mT) * query.shape[-1] ** -0.5
    n_queries, n_keys = scores.shape[-2:]
    if n_queries == 1 and (window is None or n_keys <= window):
        return scores
    own = torch.arange(n_keys - n_queries, n_keys, device=query.device)
    distance = own.unsqueeze(-1) - torch.arange(n_keys, device=query.device)
    hidden = distance < 0 if window is None else (distance < 0) | (distance >= window)
    return scores.masked_fill(hidden, float("-inf"))


def attend(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    value: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
) -> Float[Tensor, "*batch queries d_head"]:
    """Values weighted by `attention_weights`, a block of queries after the other."""
    n_queries, n_keys = query.shape[-2], key.shape[-2]
    block = max(_QUERIES, window or 0)
    mixed: list[Tensor] = []
    for start in range(0, n_queries, block):
        stop = min(start + block, n_queries)
        last = n_keys - n_queries + stop
        first = 0 if window is None else max(0, last - (stop - start) - window + 1)
        weights = attention_weights(query[..., start:stop, :], key[..., first:last, :], window=window)
        mixed.append(weights.to(value.dtype) @ value[..., first:last, :])
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=-2) if mixed else torch.zeros_like(query)
