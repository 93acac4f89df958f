"""Families of attention that `transformers` has no class of, by arithmetic from their published definitions."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, Experts, attention_of, decoder, mlp
from plait.memory.huggingface.fields import OFF, Fields, Flag, shown
from plait.memory.huggingface.mixers import lightning
from plait.memory.huggingface.recipe import Recipe, late
from plait.memory.huggingface.recipe_experts import N_SHARED_2, ROUTED, Sparse, first_layers


def nemotron_nas(f: Fields) -> Body:
    """DeciLM, Llama-Nemotron (arXiv 2411.19146): block_configs says of each layer what its two halves are."""
    d, n = f.integer("hidden_size", default=8192), f.n_layers(80)
    configs = f.get("block_configs")
    if not isinstance(configs, list) or len(configs) != n:
        raise f.refuse(f"block_configs must describe each of the {n} layers")
    f.ignore("num_key_value_heads", "intermediate_size")
    n_heads = f.integer("num_attention_heads", default=64)
    d_head = f.d_head(d, n_heads)
    plain = Attention(
        d_model=d, n_heads=n_heads, n_kv=n_heads, d_head=d_head, bias=f.flag("attention_bias", default=False)
    )
    plain = replace(plain, out_bias=plain.bias)
    bias = f.flag("mlp_bias", default=False)
    doubts: list[str] = []
    layers: list[Layer] = []
    for i, config in enumerate(configs):
        if not isinstance(config, dict):
            raise f.refuse(f"block_configs must list objects, got {shown(config)}")
        block = Fields(config, f"{f.model_type} block_configs[{i}]")
        mixer = _nas_attention(block.child("attention"), plain)
        layers.append(Layer(kind=mixer[0], blocks=(*mixer[1], *_nas_feed(block.child("ffn"), d, bias=bias))))
        doubts += [f"block_configs[{i}].{name} is not read" for name in block.unread()]
    body = decoder(f, tuple(layers), d_model=d, vocab_size=128256)
    return replace(body, doubts=tuple(doubts[:4]))


def decilm(f: Fields) -> Body:
    """DeciLM: num_key_value_heads_per_layer and all else as in Llama, or block_configs."""
    if f.get("block_configs") is not None:
        return nemotron_nas(f)
    d, n = f.integer("hidden_size", default=4096), f.n_layers(32)
    usual, heads = attention_of(f, d, n_heads=32), f.each_layer("num_key_value_heads_per_layer", n)
    heads, n_heads = heads or (usual.n_kv,) * n, usual.n_heads
    if any(n_heads % kv for kv in heads):
        raise f.refuse(f"num_key_value_heads_per_layer must divide num_attention_heads = {n_heads}")
    feed = mlp(d, f.integer("intermediate_size", default=14336)), norm(d, 2)
    layers = (Layer(kind="full_attention", blocks=(replace(usual, n_kv=kv).block, *feed)) for kv in heads)
    return decoder(f, tuple(layers), d_model=d, vocab_size=32000)


def _nas_attention(a: Fields, plain: Attention) -> tuple[str, tuple[Block, ...]]:
    """The first half of a layer and its norm: attention, a linear map, or nothing at all."""
    a.ignore("num_sink_tokens", "use_prefill_window_in_sink_attention", "unshifted_sink")
    d = plain.d_model
    if a.flag("no_op", default=False):
        return "no_attention", ()
    if a.flag("replace_with_linear", default=False):
        return "linear", (Block(part="mlp", weights=d * d, matrices=d * d), norm(d))
    group = a.integer("n_heads_in_group", default=1)
    if plain.n_heads % group:
        raise a.refuse(f"n_heads_in_group must divide num_attention_heads = {plain.n_heads}, got {group}")
    window = a.optional("window_length", default=None)
    attention = replace(plain, n_kv=plain.n_heads // group, window=window)
    return "full_attention" if window is None else "sliding_attention", (attention.block, norm(d))


def _nas_feed(c: Fields, d: int, *, bias: bool) -> tuple[Block, ...]:
    """The second half of a layer and its norm: a gated part, a linear map, or nothing at all."""
    if c.flag("no_op", default=False):
        return ()
    if c.flag("replace_with_linear", default=False):
        return Block(part="mlp", weights=d * d, matrices=d * d), norm(d)
    units = c.optional("intermediate_size", default=None)
    if units is None:
        units = -(-int(2 * c.number("ffn_mult", default=1) * d / 3) // 256) * 256
    return mlp(d, units, bias=bias), norm(d)


def step3(f: Fields) -> Body:
    """Step-3 (arXiv 2507.19427): queries through a shared rank with a norm, one key and one value head."""
    d, n = f.integer("hidden_size", default=7168), f.n_layers(61)
    n_heads, d_head = f.integer("num_attention_heads", default=64), f.integer("head_dim", default=256)
    n_kv, rank = f.integer("num_attention_groups", default=1), f.integer("share_q_dim", default=2048)
    kv = 2 * n_kv * d_head
    matrices = d * (rank + kv) + rank * n_heads * d_head + n_heads * d_head * d
    attention = Block(
        part="attention",
        weights=matrices + rank,
        matrices=matrices,
        kv_per_token=kv,
        score=2 * n_heads * d_head,
    )
    routed = Experts(
        d_model=d,
        n_experts=f.integer("moe_num_experts", default=48),
        per_token=f.integer("moe_top_k", default=3),
        d_mlp=f.integer("moe_intermediate_size", default=5120),
    ).block
    shared = replace(mlp(d, f.integer("share_expert_dim", default=5120)), part="shared experts")
    dense = mlp(d, f.integer("intermediate_size", default=18432))
    sparse = _named_layers(f, n)
    f.accept("moe_every_n_layer", 1)
    f.accept("use_moe", True)
    f.ignore("norm_expert_weight", "moe_layer_offset", "moe_dynamic_exp_p", "max_pos_interp_ratio")
    layers = (
        Layer(
            kind="full_attention",
            blocks=(attention, *((routed, shared) if sparse(i) else (dense,)), norm(d, 2)),
        )
        for i in range(n)
    )
    return decoder(f, tuple(layers), d_model=d, vocab_size=128815)


def _named_layers(f: Fields, n: int) -> Callable[[int], bool]:
    """moe_layers_enum: a text of layer numbers, or a list; from the fifth to the last but one where it is absent."""
    named = f.get("moe_layers_enum")
    if named is None:
        return lambda i: 4 <= i < n - 1
    parts = named.split(",") if isinstance(named, str) else named
    if not isinstance(parts, list) or not all(
        str(part).strip().isdecimal() for part in cast("list[object]", parts)
    ):
        raise f.refuse(f"moe_layers_enum must list layers, got {shown(named)}")
    if max(map(len, map(str, parts)), default=0) > 9:
        raise f.refuse(f"moe_layers_enum must list layers, got {shown(named)}")
    layers = {int(str(part)) for part in parts}
    return lambda i: i in layers


USE_QKV_BIAS = Flag(False, ("use_qkv_bias",))
_USE_BIAS = Flag(False, ("use_bias",))


def bailing_moe(f: Fields) -> Body:
    """Ling and Ring: experts behind a router, norms of queries and keys, lightning attention in groups if it has."""
    d, n = f.integer("hidden_size", default=2048), f.n_layers(28)
    qk_norm, bias = f.flag("use_qk_norm", default=False), _USE_BIAS.of(f)
    plain = attention_of(f, d, n_heads=16, n_kv=4)
    plain = replace(plain, bias=USE_QKV_BIAS.of(f), out_bias=bias, extra=2 * plain.d_head if qk_norm else 0)
    group = f.optional("layer_group_size", default=None)
    linear = lightning(d, n_heads=plain.n_heads, d_head=plain.d_head, float32=True)
    biases = plain.bias * 3 * plain.n_heads * plain.d_head + bias * d
    linear = replace(linear, weights=linear.weights + plain.extra + biases)
    if group:
        f.ignore("group_norm_size", "linear_silu")
    units = f.integer("moe_intermediate_size", default=1408)
    n_experts = f.integer("num_experts", default=64)
    routed = Experts(
        d_model=d,
        n_experts=n_experts,
        per_token=f.integer("num_experts_per_tok", default=6),
        d_mlp=units,
        bias=bias,
        router_bias=f.flag("moe_router_enable_expert_bias", "use_expert_bias", default=False),
    ).block
    wide = f.integer("moe_shared_expert_intermediate_size", default=units)
    n_shared = f.integer("num_shared_experts", default=0, least=0)
    shared = (replace(mlp(d, wide * n_shared, bias=bias), part="shared experts"),) if n_shared else ()
    dense = mlp(d, f.integer("intermediate_size", default=5120), bias=bias)
    first = f.integer("first_k_dense_replace", default=0, least=0)
    f.ignore("norm_head", "norm_softmax", "score_function", "router_dtype", "router_type")
    f.accept("moe_router_enable_shared_expert", True)
    f.accept("use_rmsnorm", True)

    def layer(i: int) -> Layer:
        attends = not group or (i + 1) % group == 0 or i >= n // group * group
        return Layer(
            kind="full_attention" if attends else "linear_attention",
            blocks=(
                plain.block if attends else linear,
                *((dense,) if i < first else (routed, *shared)),
                norm(d, 2),
            ),
        )

    return decoder(f, tuple(layer(i) for i in range(n)), d_model=d, vocab_size=126464)


DEEPSEEK = Recipe(
    hidden_size=4096, num_hidden_layers=30, num_attention_heads=32, intermediate_size=11008, vocab_size=102400,
    num_key_value_heads=None,
    experts=Sparse(
        experts=64, per_token=6, names=ROUTED, units=1407, shared=N_SHARED_2,
        dense=first_layers(0, "first_k_dense_replace"),
    ),
)  # fmt: skip
"""DeepSeekMoE (arXiv 2401.06066)."""

INTERNLM2 = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=103168,
    bias=Flag(True, ("bias",)),
)  # fmt: skip
"""InternLM2 (arXiv 2403.17297)."""

MINICPM = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000,
    tied=True,
)  # fmt: skip
"""MiniCPM (arXiv 2404.06395)."""

MIMO = Recipe(
    hidden_size=4096, num_hidden_layers=36, num_attention_heads=32, intermediate_size=11008, vocab_size=151680,
    num_key_value_heads=8, bias=Flag(True, ("attention_bias",)), out_bias=OFF, slides=late(28),
)  # fmt: skip
"""MiMo (arXiv 2505.07608)."""

BAICHUAN = Recipe(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=125696,
    bias=OFF,
)  # fmt: skip
"""Baichuan (arXiv 2309.10305)."""
