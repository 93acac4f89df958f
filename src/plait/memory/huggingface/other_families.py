"""Families with short convolutions, real-gated recurrences, RWKV and xLSTM."""

from dataclasses import replace
from math import ceil

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import (
    ATTENTION_KINDS,
    Attention,
    Body,
    Experts,
    around,
    attention_of,
    decoder,
    mlp,
    only,
    window_of,
)
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.linear_families import delta_of, stack_of
from plait.memory.huggingface.mixers import mlstm, rg_lru, rwkv4, rwkv4_channel_mix, short_conv
from plait.memory.huggingface.recipe_experts import first_layers
from plait.memory.huggingface.transformers_only import normed_heads


def lfm2(f: Fields) -> Body:
    """Lfm2ForCausalLM: short convolutions, attention in full_attn_idxs."""
    d = f.integer("hidden_size", default=2560)
    units = f.integer("block_ff_dim", "intermediate_size", default=12288)
    if f.flag("block_auto_adjust_ff_dim", default=True):
        units = 2 * units // 3
        multiple = f.integer("block_multiple_of", default=256)
        scaled = int(f.number("block_ffn_dim_multiplier", default=1.0) * units)
        units = multiple * ceil(scaled / multiple)
    n = f.n_layers(32)
    attends = f.indices("full_attn_idxs", n)
    kinds = f.layer_types(
        default_layers=n, default=lambda i: "full_attention" if attends is None or i in attends else "conv"
    )
    return _lfm(f, d, kinds, feeds=tuple((mlp(d, units),) for _ in kinds))


def lfm2_moe(f: Fields) -> Body:
    """Lfm2MoeForCausalLM: experts after the first num_dense_layers."""
    d = f.integer("hidden_size", default=2048)
    dense = mlp(d, f.integer("intermediate_size", default=7168))
    sparse = Experts(
        d_model=d,
        n_experts=f.integer("num_experts", default=32),
        per_token=f.integer("num_experts_per_tok", default=4),
        d_mlp=f.integer("moe_intermediate_size", default=1792),
    ).block
    first = f.integer("num_dense_layers", default=2, least=0)
    kinds = f.layer_types(default_layers=32, default=lambda _: "full_attention")
    return _lfm(f, d, kinds, feeds=tuple((dense if i < first else sparse,) for i in range(len(kinds))))


def _lfm(f: Fields, d: int, kinds: tuple[str, ...], *, feeds: tuple[tuple[Block, ...], ...]) -> Body:
    """Attention with norms of queries and keys, or a gated convolution of conv_L_cache taps."""
    plain = attention_of(f, d, n_heads=32, n_kv=8)
    attention = replace(plain, extra=2 * plain.d_head).block
    conv = short_conv(d, d_conv=f.integer("conv_L_cache", default=3), bias=f.flag("conv_bias", default=False))
    for name, value in (("block_dim", d), ("conv_dim", d), ("conv_dim_out", d), ("num_heads", plain.n_heads)):
        f.accept(name, value)
    f.accept("block_use_swiglu", True)
    f.ignore("use_pos_enc")
    layers = tuple(
        Layer(kind=kind, blocks=(attention if kind == "full_attention" else conv, *feed, norm(d, 2)))
        for kind, feed in zip(kinds, feeds, strict=True)
    )
    n = f.integer("vocab_size", default=65536)
    tied = f.flag("tie_embedding", "tie_word_embeddings", default=True)
    return Body(d_model=d, vocab_size=n, layers=layers, outside=around(d, n, tied=tied))


def lfm3(f: Fields) -> Body:
    """Lfm3ForCausalLM: short convolutions, sliding and full attention with a gate for each head."""
    d = f.integer("hidden_size", default=2048)
    plain = attention_of(f, d, n_heads=16, n_kv=4, d_head=128)
    gate = d * plain.n_heads if f.flag("use_attention_gate", default=True) else 0
    bias = f.flag("attention_bias", default=False)
    plain = replace(plain, bias=bias, out_bias=bias, extra=2 * plain.d_head, extra_matrices=gate)
    conv = short_conv(d, d_conv=f.integer("conv_L_cache", default=7), bias=f.flag("conv_bias", default=False))
    rest = (
        mlp(d, f.integer("intermediate_size", default=7680)),
        norm(d, 4 if f.flag("use_sandwich_norm", default=True) else 2),
    )

    def default(i: int) -> str:
        return "full_attention" if i % 4 == 2 else "sliding_attention" if i % 4 == 0 and i > 0 else "conv"

    kinds = f.layer_types(default_layers=24, default=default)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                conv if kind == "conv" else replace(plain, window=window_of(f, kind, default=256)).block,
                *rest,
            ),
        )
        for kind in kinds
    )
    return decoder(f, layers, d_model=d, vocab_size=128000, tied=True)


def recurrent_gemma(f: Fields) -> Body:
    """RecurrentGemmaForCausalLM: block_types repeated over the layers; attention always slides."""
    d, n = f.integer("hidden_size", default=2560), f.n_layers(26)
    heads, n_kv = f.heads(default=10, default_kv=None)
    attention = Attention(
        d_model=d,
        n_heads=heads,
        n_kv=n_kv,
        d_head=f.integer("head_dim", default=max(d // heads, 1)),
        window=f.integer("attention_window_size", "sliding_window", default=2048),
        bias=f.flag("attention_bias", default=False),
        out_bias=True,
    ).block
    recurrent = rg_lru(
        d,
        d_lru=f.integer("lru_width", default=d),
        n_heads=heads,
        d_conv=f.integer("conv1d_width", default=4),
    )
    rest = (mlp(d, f.integer("intermediate_size", default=3 * 2560) // 2, bias=True), norm(d, 2))
    unit = f.get("block_types") or ["recurrent", "recurrent", "attention"]
    if not isinstance(unit, list) or set(map(str, unit)) - {"recurrent", "attention"}:
        raise f.refuse(f"block_types must list recurrent and attention, got {shown(unit)}")
    layers = tuple(
        Layer(
            kind="linear_attention" if kind == "recurrent" else "sliding_attention",
            blocks=(recurrent if kind == "recurrent" else attention, *rest),
        )
        for kind in (unit[i % len(unit)] for i in range(n))
    )
    return decoder(f, layers, d_model=d, vocab_size=256000, tied=True)


def rwkv(f: Fields) -> Body:
    """RwkvForCausalLM (RWKV-4)."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(32)
    inner = f.integer("attention_hidden_size", default=d)
    if inner != d:
        raise f.refuse(
            f"attention_hidden_size must be hidden_size = {d}: its state is kept at that width, got {inner}"
        )
    units = f.integer("intermediate_size", default=4 * d)
    blocks = (rwkv4(d, d_inner=inner), rwkv4_channel_mix(d, units), norm(d, 2, bias=True))
    first = Layer(kind="linear_attention", blocks=(*blocks, norm(d, bias=True)))
    layers = (first, *(Layer(kind="linear_attention", blocks=blocks),) * (n - 1))
    vocab_size = f.integer("vocab_size", default=50277)
    outside = around(d, vocab_size, tied=f.flag("tie_word_embeddings", default=False), norm_bias=True)
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside)


def xlstm(f: Fields) -> Body:
    """xLSTMForCausalLM: a pure stack of mLSTM blocks.

    Raises:
        ValueError: widths of queries and values that its cache would round up to another multiple of 64.
    """
    d = f.renamed("hidden_size", "embedding_dim", default=4096)
    n_heads, bias = f.integer("num_heads", default=8), f.flag("use_bias", default=False)
    widths = []
    for name, default in (("qk_dim_factor", 0.5), ("v_dim_factor", 1.0)):
        widths.append(int(d * f.number(name, default=default)))
        if widths[-1] % 64 or widths[-1] % n_heads:
            raise f.refuse(
                f"{name} * hidden_size must be a multiple of 64 and of num_heads, got {widths[-1]}"
            )
    mixer = mlstm(d, n_heads=n_heads, d_keys=widths[0], d_values=widths[1], bias=bias)
    multiple = f.integer("ffn_round_up_to_multiple_of", default=64)
    units = multiple * ceil(int(d * f.number("ffn_proj_factor", default=2.667)) / multiple)
    layer = Layer(kind="mlstm", blocks=(mixer, mlp(d, units, bias=bias), norm(d, 2, bias=bias)))
    n = f.renamed("num_hidden_layers", "num_blocks", default=32)
    stack = (layer,) * Fields({"num_hidden_layers": n}, f.model_type).n_layers(n)
    return decoder(f, stack, d_model=d, vocab_size=50304, tied=None)


_PERIOD = ("linear_attention", "sliding_attention", "linear_attention", "full_attention", "sliding_attention")


def lara_mini(f: Fields) -> Body:
    """LaraMiniForCausalLM: routed experts in every layer, and a shared one without a gate."""
    d = f.integer("hidden_size", default=1024)
    plain = normed_heads(f, attention_of(f, d, n_heads=16, n_kv=4, d_head=128))
    kinds = f.layer_types(default_layers=34, default=lambda i: _PERIOD[i % len(_PERIOD)])
    mixers = {
        kind: replace(plain, window=window_of(f, kind, default=512)).block
        for kind in ("sliding_attention", "full_attention")
    }
    mixers["linear_attention"] = delta_of(f, d, n_keys=8, n_values=16)
    routed = Experts(
        d_model=d,
        n_experts=f.integer("num_experts", default=128),
        per_token=f.integer("num_experts_per_tok", default=4),
        d_mlp=f.integer("moe_intermediate_size", default=512),
    ).block
    shared = mlp(d, f.integer("shared_expert_intermediate_size", default=512))
    layers = stack_of(f, kinds, mixers, lambda _: (routed, shared, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=151936, tied=True)


def muse_spark(f: Fields) -> Body:
    """The language model of Muse Spark: experts at a width of their own, gates on both residual branches."""
    d, n = f.integer("hidden_size", default=8192), f.n_layers(62)
    kinds = f.layer_types(
        default_layers=n, default=lambda i: "sliding_attention" if (n - 1 - i) % 4 else "full_attention"
    )
    only(f, kinds, ATTENTION_KINDS[:2])
    heads, n_kv = f.heads(default=128, default_kv=16)
    width, bias = f.d_head(d, heads, default=64), f.flag("attention_bias", default=False)
    plain = Attention(
        d_model=d,
        n_heads=heads,
        n_kv=n_kv,
        d_head=width,
        bias=bias,
        out_bias=bias,
        extra_matrices=d * heads * width,
    )
    latent, units = (
        f.integer("moe_hidden_size", default=4096),
        f.integer("moe_intermediate_size", default=4096),
    )
    experts, per_token = (
        f.renamed("num_local_experts", "num_experts", default=256),
        f.integer("num_experts_per_tok", default=8),
    )
    routed = Experts(d_model=d, n_experts=experts, per_token=per_token, d_mlp=units, latent=latent).block
    routed = replace(routed, weights=routed.weights + 2 * latent)
    dense, feed = first_layers(0)(f, n), mlp(d, f.integer("intermediate_size", default=16384))
    f.ignore("qk_scale_factor", "output_multiplier", "layer_rope_theta")
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                replace(plain, window=window_of(f, kind, default=2048)).block,
                feed if dense(i) else routed,
                norm(d, 5),
            ),
        )
        for i, kind in enumerate(kinds)
    )
    return decoder(f, layers, d_model=d, vocab_size=202048)
