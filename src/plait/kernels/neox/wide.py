"""The GPT-NeoX layer for wide models: PyTorch's fused attention, and products in 16 bits if asked for.

What `reference.neox_layer` computes, to rounding; a single model's weights, differentiated by autograd.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from plait.kernels.common.compiled import fused
from plait.kernels.common.plain import layer_norm, product, wide
from plait.kernels.dropout import Drops, dropout
from plait.kernels.neox.reference import Heads, NeoXWeights, attention_weights, bias, rotate_by

NEOX_PRODUCTS = ("qkv", "qkv_bias", "dense", "dense_bias", "up", "up_bias", "down", "down_bias")
"""Weights that are used in products alone, and may come in their type."""

_TOGETHER = 1024
"""Queries that go through attention in one call, at least: bounds the mask."""


def neox_layer(
    hidden: Float[Tensor, "batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    products: torch.dtype | None = None,
    drops: Drops | None = None,
    fuse: bool = False,
) -> Float[Tensor, "batch time d_model"]:
    """What `reference.neox_layer` promises; `drops` is of one member.

    Args:
        fuse: whether it is compiled; with `drops` it runs as it is written.
    """
    layer = fused(_layer) if fuse and drops is None else _layer
    return layer(hidden, weights, heads, eps, products, drops)


def _layer(
    hidden: Tensor,
    weights: NeoXWeights,
    heads: Heads,
    eps: float,
    products: torch.dtype | None,
    drops: Drops | None,
) -> Tensor:
    normed = layer_norm(hidden, weights.norm1, weights.norm1_bias, eps=eps)
    projected = product(normed, weights.qkv, weights.qkv_bias, products)
    by_head = projected.unflatten(-1, (heads.count, projected.shape[-1] // heads.count)).transpose(-3, -2)
    query, key, value = by_head.chunk(3, dim=-1)
    cos, sin = heads.cos.T, heads.sin.T
    query, key = (
        rotate_by(part.to(hidden.dtype), cos, sin, heads.turned).to(value.dtype) for part in (query, key)
    )
    if drops is None:
        mixed = fused_attention(query, key, value, heads=heads)
    else:
        shares = attention_weights(query, key, window=heads.window, positions=heads.positions)
        mixed = _dropped(shares, drops).to(value.dtype) @ value
    mixed = mixed.transpose(-3, -2).flatten(-2)
    attended = _dropped(product(mixed, weights.dense, weights.dense_bias, products), drops and drops.after(1))
    normed = layer_norm(hidden, weights.norm2, weights.norm2_bias, eps=eps)
    thought = F.silu(product(normed, weights.up, weights.up_bias, products))
    thought = _dropped(product(thought, weights.down, weights.down_bias, products), drops and drops.after(2))
    return thought + attended + hidden


def _dropped(part: Tensor, drops: Drops | None) -> Tensor:
    """Streams of members want that axis, which one member's hidden states do not have."""
    return part if drops is None else dropout(part.unsqueeze(0), drops).squeeze(0)


def fused_attention(
    query: Float[Tensor, "*batch queries d_head"],
    key: Float[Tensor, "*batch keys d_head"],
    value: Float[Tensor, "*batch keys d_head"],
    *,
    heads: Heads,
) -> Float[Tensor, "*batch queries d_head"]:
    """`reference.attend` by `F.scaled_dot_product_attention`, many queries after the other where there is a mask."""
    time, window = query.shape[-2], heads.reach(query.shape[-2])
    if window == time and not heads.biased:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    block = max(_TOGETHER, 0 if window == time else window)
    mixed: list[Tensor] = []
    for start in range(0, time, block):
        stop, first = min(start + block, time), max(0, start - window + 1)
        mask = _mask(heads, window, start - first, query[..., start:stop, :])
        part = key[..., first:stop, :], value[..., first:stop, :]
        mixed.append(F.scaled_dot_product_attention(query[..., start:stop, :], *part, attn_mask=mask))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=-2)


def _mask(
    heads: Heads, window: int, before: int, query: Float[Tensor, "*batch queries d_head"]
) -> Bool[Tensor, "queries keys"] | Float[Tensor, "n_heads queries keys"]:
    """Which keys each query sees, or the bias of each head, when the first query stands after `before` keys."""
    queries, device = query.shape[-2], query.device
    own = torch.arange(before, before + queries, device=device)
    distance = own.unsqueeze(-1) - torch.arange(before + queries, device=device)
    seen = (distance >= 0) & (distance < window)
    if not heads.biased:
        return seen
    added = bias(heads.positions, heads.count, distance, wide(query.dtype))
    return added.masked_fill(~seen, float("-inf")).to(query.dtype)
