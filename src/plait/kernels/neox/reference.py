"""The GPT-NeoX layer in plain PyTorch.

    hidden = hidden + dense(attention(norm1(hidden))) + MLP(norm2(hidden))

A query sees the last `window` positions, its own included; `window=1` reads only the present. Source: Black et al.,
"GPT-NeoX-20B", arXiv 2204.06745; `transformers.models.gpt_neox`. Every faster kernel is tested against this file.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels.common.plain import layer_norm, linear, wide
from plait.kernels.dropout import Drops, dropout

BIASED = ("alibi", "hard-alibi")


class Heads(NamedTuple):
    """Attention heads whose first dimensions turn with the position.

    Attributes:
        count: heads of a layer.
        window: tokens that a query sees, itself included; None = all.
        turned: dimensions of a head that turn: 2 * pairs, or 2 * pairs - 1 as `plait.layers.rope` says.
        positions: "rope" (by `cos` and `sin`), "none", or a bias of every head (see `bias`): "alibi" or "hard-alibi".
        cos, sin: of the angle of each pair of dimensions at each position; for a stream, at each distance, as many as
            the window or all tokens, whichever is less, and more if you like.
    """

    count: int
    window: int | None
    turned: int
    cos: Float[Tensor, "pairs positions"]
    sin: Float[Tensor, "pairs positions"]
    positions: str = "rope"

    @property
    def biased(self) -> bool:
        """Whether scores have a bias, which the compiled kernels do not know."""
        return self.positions in BIASED

    def reach(self, tokens: int) -> int:
        """How many of so many tokens the last one sees."""
        return tokens if self.window is None else min(tokens, self.window)

    def kept(self, tokens: int) -> int:
        """How many of so many tokens the next one sees."""
        return tokens if self.window is None else min(tokens, self.window - 1)


def bias(
    positions: str, n_heads: int, distance: Int[Tensor, "queries keys"], dtype: torch.dtype
) -> Float[Tensor, "n_heads queries keys"]:
    """What is added to the scores of each head at each distance (tokens back, 0 for the query's own place).

    alibi        -m distance, with m = 2^(-8 h / H) for head h = 1 .. H (Press et al., arXiv 2108.12409)
    hard-alibi   head h of the first half sees the last h tokens alone, its own included; the others have no bias
                 (Jelassi et al., "Repeat After Me", arXiv 2402.01032)
    """
    head = torch.arange(1, n_heads + 1, device=distance.device).view(-1, 1, 1)
    if positions == "alibi":
        return -(2.0 ** (-8.0 * head.to(dtype) / n_heads)) * distance
    unseen = (head <= n_heads // 2) & (distance >= head)
    return torch.zeros(unseen.shape, dtype=dtype, device=distance.device).masked_fill_(unseen, float("-inf"))


class NeoXWeights(NamedTuple):
    """Each with a leading members axis, or, for a stream, each without; `qkv` has query, key, value head by head."""

    norm1: Float[Tensor, "*members d_model"]
    norm1_bias: Float[Tensor, "*members d_model"]
    norm2: Float[Tensor, "*members d_model"]
    norm2_bias: Float[Tensor, "*members d_model"]
    qkv: Float[Tensor, "*members three_d_model d_model"]
    qkv_bias: Float[Tensor, "*members three_d_model"]
    dense: Float[Tensor, "*members d_model d_model"]
    dense_bias: Float[Tensor, "*members d_model"]
    up: Float[Tensor, "*members d_mlp d_model"]
    up_bias: Float[Tensor, "*members d_mlp"]
    down: Float[Tensor, "*members d_model d_mlp"]
    down_bias: Float[Tensor, "*members d_model"]

    @property
    def d_mlp(self) -> int:
        return self.up_bias.shape[-1]


_QUERIES = 256
"""Queries treated at once, at least: bounds the scores held to this many rows, or to the window."""


def neox_layer(
    hidden: Float[Tensor, "*batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    drops: Drops | None = None,
) -> Float[Tensor, "*batch time d_model"]:
    """What `dispatch.neox_layer` promises, with or without a members axis, and with any stream."""
    normed = layer_norm(hidden, weights.norm1, weights.norm1_bias, eps=eps)
    query, key, value = by_head(normed, weights, heads.count).chunk(3, dim=-1)
    cos, sin = heads.cos.T, heads.sin.T
    query, key = (rotate_by(part, cos, sin, heads.turned) for part in (query, key))
    if drops is not None:
        shares = dropout(attention_weights(query, key, window=heads.window, positions=heads.positions), drops)
        mixed = shares.to(value.dtype) @ value
    else:
        mixed = attend(query, key, value, window=heads.window, positions=heads.positions)
    attended = linear(mixed.transpose(-3, -2).flatten(-2), weights.dense, weights.dense_bias)
    attended = dropout(attended, drops and drops.after(1))
    thought = dropout(_mlp(hidden, weights, eps), drops and drops.after(2))
    return thought + attended + hidden


def neox_step(
    hidden: Float[Tensor, "*batch d_model"],
    cache: Float[Tensor, "*batch held kv"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
) -> tuple[Float[Tensor, "*batch d_model"], Float[Tensor, "*batch held_after kv"]]:
    """One position, and the keys and values that the next one needs.

    Keys are held as they were before rotation and turned by the angles of `heads`, one for each token held and one for
    the new one: of their places in the cache, where scores depend on distances alone, so that no position is counted
    and no angle grows with the stream; of their positions elsewhere.
    """
    here = hidden.unsqueeze(-2)
    projected = by_head(layer_norm(here, weights.norm1, weights.norm1_bias, eps=eps), weights, heads.count)
    d_head = projected.shape[-1] // 3
    entry = projected[..., d_head:].transpose(-3, -2).flatten(-2)
    seen = torch.cat((cache, entry), dim=-2)
    held = seen.reshape(*seen.shape[:-1], heads.count, 2 * d_head).transpose(-3, -2)
    key, value = held[..., :d_head], held[..., d_head:]
    cos, sin = heads.cos.T, heads.sin.T
    query = rotate_by(projected[..., :d_head], cos[-1:], sin[-1:], heads.turned)
    key = rotate_by(key, cos, sin, heads.turned)
    mixed = attend(query, key, value, window=None, positions=heads.positions)
    if heads.window is not None and seen.shape[-2] >= heads.window:
        seen = torch.cat((cache[..., 1:, :], entry), dim=-2) if heads.window > 1 else cache
    attended = linear(mixed.transpose(-3, -2).flatten(-2), weights.dense, weights.dense_bias)
    return (_mlp(here, weights, eps) + attended + here).squeeze(-2), seen


def _mlp(hidden: Tensor, weights: NeoXWeights, eps: float) -> Tensor:
    normed = layer_norm(hidden, weights.norm2, weights.norm2_bias, eps=eps)
    return linear(F.silu(linear(normed, weights.up, weights.up_bias)), weights.down, weights.down_bias)


def by_head(
    normed: Float[Tensor, "*batch time d_model"], weights: NeoXWeights, count: int
) -> Float[Tensor, "*batch n_heads time qkv"]:
    """Query, key and value of each head, side by side."""
    projected = linear(normed, weights.qkv, weights.qkv_bias)
    return projected.unflatten(-1, (count, projected.shape[-1] // count)).transpose(-3, -2)


def rotate_by(
    vectors: Float[Tensor, "*batch time d_head"],
    cos: Float[Tensor, "time half"],
    sin: Float[Tensor, "time half"],
    turned: int,
) -> Float[Tensor, "*batch time d_head"]:
    """`vectors` with their first `turned` dimensions turned by the angles of their position.

    `turned` is twice the number of angles, or one less: then as the program released with arXiv 2603.08859 has it (see
    `plait.layers.rope`).
    """
    half = cos.shape[-1]
    if half == 0:
        return vectors
    cos, sin = cos.to(vectors.dtype), sin.to(vectors.dtype)
    if turned < 2 * half:
        cos, sin = (torch.cat((table, table), dim=-1)[..., :turned] for table in (cos, sin))
        own, rest = vectors[..., :turned], vectors[..., turned:]
        shift = turned // 2
        partner = torch.cat((-own[..., shift:], own[..., :shift]), dim=-1)
        return torch.cat((own * cos + partner * sin, rest), dim=-1)
    first, second, rest = vectors[..., :half], vectors[..., half : 2 * half], vectors[..., 2 * half :]
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)


def attention_weights(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
    positions: str = "rope",
) -> Float[Tensor, "*batch queries keys"]:
    """Softmax over the visible keys, in float32 or better; the last query stands at the last key."""
    return masked_scores(query, key, window=window, positions=positions).softmax(dim=-1)


def masked_scores(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
    positions: str = "rope",
) -> Float[Tensor, "*batch queries keys"]:
    """What the softmax is taken of, minus infinity at keys that are not seen."""
    exact = wide(query.dtype)
    scores = (query.to(exact) @ key.to(exact).mT) * query.shape[-1] ** -0.5
    n_queries, n_keys = scores.shape[-2:]
    if n_queries == 1 and positions not in BIASED and (window is None or n_keys <= window):
        return scores
    own = torch.arange(n_keys - n_queries, n_keys, device=query.device)
    distance = own.unsqueeze(-1) - torch.arange(n_keys, device=query.device)
    if positions in BIASED:
        scores = scores + bias(positions, scores.shape[-3], distance, exact)
    hidden = distance < 0 if window is None else (distance < 0) | (distance >= window)
    return scores.masked_fill(hidden, float("-inf"))


def attend(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    value: Float[Tensor, "*batch keys d_head"],
    *,
    window: int | None,
    positions: str = "rope",
) -> Float[Tensor, "*batch queries d_head"]:
    """Values weighted by `attention_weights`, a block of queries after the other."""
    n_queries, n_keys = query.shape[-2], key.shape[-2]
    block = max(_QUERIES, window or 0)
    mixed: list[Tensor] = []
    for start in range(0, n_queries, block):
        stop = min(start + block, n_queries)
        last = n_keys - n_queries + stop
        first = 0 if window is None else max(0, last - (stop - start) - window + 1)
        part = query[..., start:stop, :], key[..., first:last, :]
        weights = attention_weights(*part, window=window, positions=positions)
        mixed.append(weights.to(value.dtype) @ value[..., first:last, :])
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=-2) if mixed else torch.zeros_like(query)
