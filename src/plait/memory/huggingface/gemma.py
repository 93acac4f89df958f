"""Gemma 3n and Gemma 4: late layers read the cache of earlier ones, and every layer has an embedding of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import (
    ATTENTION_KINDS,
    Attention,
    Body,
    Experts,
    decoder,
    mlp,
    only,
    window_of,
)
from plait.memory.huggingface.fields import Fields, fields_by_layer

SHARED = "the last {n} layers read the cache of an earlier layer of their type and hold none"
GLOBAL_HEAD_DIM = 512
"""What the class takes where a config names none."""


@dataclass(frozen=True, kw_only=True)
class _Heads:
    """Attention of one layer.

    Args:
        shares: keys and values are those of an earlier layer.
        one_projection: values are made of the keys' projection.
    """

    d: int
    n: int
    n_kv: int
    width: int
    window: int | None
    bias: bool
    shares: bool = False
    one_projection: bool = False

    @property
    def block(self) -> Block:
        plain = Attention(
            d_model=self.d, n_heads=self.n, n_kv=self.n_kv, d_head=self.width, window=self.window,
            bias=self.bias, out_bias=self.bias, extra=2 * self.width,
        ).block  # fmt: skip
        kv = self.n_kv * self.width
        dropped = 2 * kv if self.shares else kv if self.one_projection else 0
        weights = plain.weights - dropped * (self.d + self.bias) - self.shares * self.width
        kept = 0 if self.shares else plain.kv_per_token
        return replace(plain, weights=weights, matrices=plain.matrices - dropped * self.d, kv_per_token=kept)


def _sharing(f: Fields, kinds: tuple[str, ...], *, default: int) -> tuple[list[bool], tuple[str, ...]]:
    """Which layers have no cache of their own, and what to say of them.

    Raises:
        ValueError: more of them than layers, or one of a type that no earlier layer has.
    """
    n = f.integer("num_kv_shared_layers", default=default, least=0)
    first = len(kinds) - n
    if first < 0 or (first and set(kinds[first:]) - set(kinds[:first])):
        raise f.refuse(f"num_kv_shared_layers must leave a layer of every type before them, got {n}")
    return [i >= first for i in range(len(kinds))], (SHARED.format(n=n),) if n else ()


def _rhythm(period: int) -> Callable[[int], str]:
    return lambda i: "sliding_attention" if (i + 1) % period else "full_attention"


def gemma3n(f: Fields) -> Body:
    """Gemma3nForCausalLM: alternating updates of altup_num_inputs streams, low-rank bypasses, embeddings a layer."""
    d, n = f.integer("hidden_size", default=2048), f.n_layers(35)
    kinds = f.layer_types(default_layers=n, default=_rhythm(5))
    only(f, kinds, ATTENTION_KINDS[:2])
    heads, n_kv = f.heads(default=8, default_kv=2)
    shares, notes = _sharing(f, kinds, default=15)
    bias, width = f.flag("attention_bias", default=False), f.integer("head_dim", default=256)
    streams, rank = f.integer("altup_num_inputs", default=4), f.integer("laurel_rank", default=64)
    f.ignore("altup_active_idx", "altup_coef_clip", "altup_correct_scale", "activation_sparsity_pattern")
    mixed = streams**2 * (1 + streams) + streams * d
    bypass = 2 * d * rank
    # The router of the streams is asked before and after.
    beside = Block(part="mlp", weights=mixed + bypass + 3 * d, matrices=mixed + bypass + streams * d)
    ple, outside = _layer_embeddings(f, d, n, default=256)
    units = _units(f, n)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                _Heads(
                    d=d, n=heads, n_kv=n_kv, width=width, window=window_of(f, kind, default=512),
                    bias=bias, shares=shares[i],
                ).block,
                mlp(d, units[i]), norm(d, 4), beside, *ple,
            ),
        )
        for i, kind in enumerate(kinds)
    )  # fmt: skip
    body = decoder(f, layers, d_model=d, vocab_size=262400, tied=True)
    between = 2 * (streams - 1) * d * d
    streamed = Block(part="mlp", weights=between, matrices=between)
    return replace(body, outside=(*body.outside, *outside, streamed), notes=notes)


def _units(f: Fields, n: int) -> Sequence[int]:
    """intermediate_size: one for all layers, or a list."""
    if isinstance(f.get("intermediate_size"), list):
        return f.each_layer("intermediate_size", n) or ()
    return [f.integer("intermediate_size", default=16384)] * n


def _layer_embeddings(
    f: Fields, d: int, n: int, *, default: int
) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """What a layer adds for its own embedding, and the tables outside; nothing if it is 0 wide."""
    width = f.integer("hidden_size_per_layer_input", default=default, least=0)
    rows = f.integer("vocab_size_per_layer_input", default=262144)
    if not width:
        return (), ()
    inside = Block(part="embedding", weights=2 * d * width + d, matrices=2 * d * width)
    return (inside,), (
        Block(part="embedding", weights=rows * n * width, lookup=n * width),
        Block(part="embedding", weights=d * n * width + width, matrices=d * n * width),
    )


def gemma4(f: Fields) -> Body:
    """Gemma4ForCausalLM."""
    return _gemma4(f, rest=True, window=512)


def gemma4_unified(f: Fields) -> Body:
    """Gemma4UnifiedForCausalLM: no experts and no embeddings a layer."""
    return _gemma4(f, rest=False, window=1024)


def _gemma4(f: Fields, *, rest: bool, window: int) -> Body:
    """Full layers have heads of another width, and others for keys and values where these share a projection."""
    d, n = f.integer("hidden_size", default=2304), f.n_layers(30)
    kinds = f.layer_types(default_layers=n, default=_rhythm(6))
    only(f, kinds, ATTENTION_KINDS[:2])
    kinds = (*kinds[:-1], "full_attention")  # the class sees to it
    shares, notes = _sharing(f, kinds, default=0)
    units = f.integer("intermediate_size", default=9216)
    doubled = 2 if f.flag("use_double_wide_mlp", default=False) else 1
    heads = _gemma4_heads(f, d, kinds, shares=shares, window=window)
    ple, outside = _layer_embeddings(f, d, n, default=256) if rest else ((), ())
    sparse = _gemma4_experts(f, d) if rest else ()
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(heads[i], mlp(d, units * (doubled if shares[i] else 1)), norm(d, 4), *sparse, *ple),
        )
        for i, kind in enumerate(kinds)
    )
    body = decoder(f, layers, d_model=d, vocab_size=262144, tied=True)
    return replace(body, outside=(*body.outside, *outside), notes=notes)


def _gemma4_heads(
    f: Fields, d: int, kinds: tuple[str, ...], *, shares: list[bool], window: int
) -> list[Block]:
    one_projection = f.flag("attention_k_eq_v", default=False)
    bias = f.flag("attention_bias", default=False)
    heads = f.integer("num_attention_heads", default=8)
    own = fields_by_layer(f, len(kinds), known=("head_dim", "num_key_value_heads"))
    wide = f.integer("global_head_dim", default=GLOBAL_HEAD_DIM)
    few = f.optional("num_global_key_value_heads", default=None)
    everywhere = f.get("use_bidirectional_attention") == "all"
    blocks = []
    for i, kind in enumerate(kinds):
        mine = f if own is None else own[i]
        full = kind == "full_attention"
        n_kv, width = mine.integer("num_key_value_heads", default=4), mine.integer("head_dim", default=256)
        if own is None and full:
            n_kv, width = (few or n_kv) if one_projection else n_kv, wide
        if heads % n_kv:
            raise f.refuse(f"num_key_value_heads must divide num_attention_heads = {heads}, got {n_kv}")
        slides = window_of(f, kind, default=window)
        blocks.append(
            _Heads(
                d=d, n=heads, n_kv=n_kv, width=width, bias=bias, shares=shares[i],
                window=slides // 2 + 1 if slides and everywhere else slides,
                one_projection=one_projection and full,
            ).block
        )  # fmt: skip
    return blocks


def _gemma4_experts(f: Fields, d: int) -> tuple[Block, ...]:
    """Routed experts beside the plain part, with three norms more."""
    n = f.integer("num_experts", default=1, least=0)
    per_token = f.integer("top_k_experts", default=1)
    units = f.integer("moe_intermediate_size", "expert_intermediate_size", default=1)
    if not f.flag("enable_moe_block", default=False):
        return ()
    if f.get("num_experts") is None or f.get("moe_intermediate_size") is None:
        raise f.refuse("enable_moe_block needs num_experts and moe_intermediate_size")
    routed = Experts(d_model=d, n_experts=n, per_token=per_token, d_mlp=units).block
    return replace(routed, weights=routed.weights + d + n), norm(d, 3)
