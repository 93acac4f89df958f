"""Families that mix softmax attention with linear attention: gated delta rule, Kimi delta, lightning."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import (
    Attention,
    Body,
    Experts,
    LatentAttention,
    attention_of,
    decoder,
    mlp,
)
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.mixers import gated_delta, kimi_delta, lightning

KIMI_K3 = (
    "routed_expert_hidden_size, use_full_rank_gate, mla_use_output_gate and attn_res_block_size are counted by the "
    "tensors of the published Kimi K3: no class of transformers 5.24 reads them"
)

MixerPair = Mapping[str, Block]


def _pair(attention: Block, linear: Block) -> MixerPair:
    return {"full_attention": attention, "linear_attention": linear}


def stack_of(
    f: Fields, kinds: tuple[str, ...], mixers: MixerPair, others: Callable[[int], tuple[Block, ...]]
) -> tuple[Layer, ...]:
    """One layer a kind: its mixer and the blocks beside it.

    Raises:
        ValueError: a kind without a mixer.
    """
    if unknown := sorted(set(kinds) - set(mixers)):
        raise f.refuse(f"layer_types must use {' and '.join(sorted(mixers))}, got {shown(unknown[0])}")
    return tuple(Layer(kind=kind, blocks=(mixers[kind], *others(i))) for i, kind in enumerate(kinds))


def delta_of(f: Fields, d: int, *, n_keys: int = 16, n_values: int = 32) -> Block:
    """The linear_* fields of the Qwen families.

    Args:
        n_keys: default of linear_num_key_heads.
        n_values: default of linear_num_value_heads.

    Raises:
        ValueError: the key heads do not divide the value heads.
    """
    n_keys = f.integer("linear_num_key_heads", default=n_keys)
    n_values = f.integer("linear_num_value_heads", default=n_values)
    if n_values % n_keys:
        raise f.refuse(f"linear_num_key_heads must divide linear_num_value_heads = {n_values}, got {n_keys}")
    return gated_delta(
        d,
        n_keys=n_keys,
        n_values=n_values,
        d_key=f.integer("linear_key_head_dim", default=128),
        d_value=f.integer("linear_value_head_dim", default=128),
        d_conv=f.integer("linear_conv_kernel_dim", default=4),
    )


def gated_heads(f: Fields, d: int, *, n_kv: int) -> Block:
    """Attention whose query projection also makes a gate of the same width; norms on queries and keys."""
    bias = f.flag("attention_bias", default=False)
    plain = attention_of(f, d, n_heads=16, n_kv=n_kv, d_head=256)
    inner = plain.n_heads * plain.d_head
    return replace(
        plain, bias=bias, out_bias=bias, extra=2 * plain.d_head + bias * inner, extra_matrices=d * inner
    ).block


def _interval(f: Fields) -> Callable[[int], str]:
    """Every full_attention_interval-th layer attends."""
    every = f.integer("full_attention_interval", default=4)
    return lambda i: "linear_attention" if (i + 1) % every else "full_attention"


def qwen_experts(f: Fields, d: int, *, n_experts: int, per_token: int) -> tuple[Block, Block]:
    """Routed experts, and one shared expert behind a scalar gate."""
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("num_experts", "num_local_experts", default=n_experts),
        per_token=f.integer("num_experts_per_tok", default=per_token),
        d_mlp=f.integer("moe_intermediate_size", default=512),
    ).block
    shared = mlp(d, f.integer("shared_expert_intermediate_size", default=512))
    return routed, replace(shared, weights=shared.weights + d, matrices=shared.matrices + d)


def qwen3_next(f: Fields) -> Body:
    """Qwen3NextForCausalLM."""
    d = f.integer("hidden_size", default=2048)
    kinds = f.layer_types(default_layers=48, default=_interval(f))
    sparse = qwen_experts(f, d, n_experts=512, per_token=10)
    dense = mlp(d, f.integer("intermediate_size", default=5632))
    only_dense = f.indices("mlp_only_layers", len(kinds)) or ()
    step = f.integer("decoder_sparse_step", default=1)

    def others(i: int) -> tuple[Block, ...]:
        return (dense, norm(d, 2)) if i in only_dense or (i + 1) % step else (*sparse, norm(d, 2))

    layers = stack_of(f, kinds, _pair(gated_heads(f, d, n_kv=2), delta_of(f, d)), others)
    return decoder(f, layers, d_model=d, vocab_size=151936)


def qwen3_5(f: Fields) -> Body:
    """Qwen3_5ForCausalLM."""
    d = f.integer("hidden_size", default=4096)
    feed = mlp(d, f.integer("intermediate_size", default=12288))
    kinds = f.layer_types(default_layers=32, default=_interval(f))
    mixers = _pair(gated_heads(f, d, n_kv=4), delta_of(f, d))
    layers = stack_of(f, kinds, mixers, lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=248320)


def qwen3_5_moe(f: Fields) -> Body:
    """Qwen3_5MoeForCausalLM."""
    d = f.integer("hidden_size", default=2048)
    feed = qwen_experts(f, d, n_experts=256, per_token=8)
    kinds = f.layer_types(default_layers=40, default=_interval(f))
    mixers = _pair(gated_heads(f, d, n_kv=2), delta_of(f, d))
    layers = stack_of(f, kinds, mixers, lambda _: (*feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=248320)


def olmo_hybrid(f: Fields) -> Body:
    """OlmoHybridForCausalLM: norms over all queries and all keys of an attention layer."""
    d = f.integer("hidden_size", default=3840)
    bias = f.flag("attention_bias", default=False)
    plain = attention_of(f, d, n_heads=30)
    normed = plain.d_head * (plain.n_heads + plain.n_kv)
    attention = replace(plain, bias=bias, out_bias=bias, extra=normed).block
    n_keys = f.integer("linear_num_key_heads", default=plain.n_heads)
    d_key = f.integer("linear_key_head_dim", default=max(int(0.75 * d / n_keys), 1))
    linear = gated_delta(
        d,
        n_keys=n_keys,
        n_values=f.integer("linear_num_value_heads", default=plain.n_heads),
        d_key=d_key,
        d_value=f.integer("linear_value_head_dim", default=2 * d_key),
        d_conv=f.integer("linear_conv_kernel_dim", default=4),
    )
    n = f.n_layers(32)
    kinds = f.layer_types(
        default_layers=n,
        default=lambda i: "full_attention" if i % 4 == 3 or (n < 4 and i == n - 1) else "linear_attention",
    )
    feed = mlp(d, f.integer("intermediate_size", default=11008))
    layers = stack_of(f, kinds, _pair(attention, linear), lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=100352)


def first_dense(
    f: Fields, n_layers: int, *, dense: Block, sparse: tuple[Block, ...], default: int
) -> Callable[[int], tuple[Block, ...]]:
    """The feed-forward blocks of layer i: mlp_layer_types, else dense in the first layers."""
    first = f.integer("first_k_dense_replace", default=default, least=0)
    named = f.get("mlp_layer_types")
    if named is not None and (
        not isinstance(named, list) or len(named) != n_layers or set(map(str, named)) - {"dense", "sparse"}
    ):
        raise f.refuse(f"mlp_layer_types must name {n_layers} layers dense or sparse, got {shown(named)}")
    kinds = named or ["dense" if i < first else "sparse" for i in range(n_layers)]
    return lambda i: (dense,) if kinds[i] == "dense" else sparse


def _kimi_experts(f: Fields, d: int, *, n_experts: int, units: int) -> tuple[Block, Block]:
    """Routed experts, at routed_expert_hidden_size if the file has one (with a norm if it says so), and the shared."""
    units = f.integer("moe_intermediate_size", default=units)
    latent = f.optional("routed_expert_hidden_size", default=None)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("num_local_experts", "num_experts", default=n_experts),
        per_token=f.renamed("num_experts_per_tok", "num_experts_per_token", default=8),
        d_mlp=units,
        latent=latent,
    ).block
    if latent and f.flag("latent_moe_use_norm", default=False):
        routed = replace(routed, weights=routed.weights + latent)
    return routed, mlp(d, units * f.renamed("n_shared_experts", "num_shared_experts", default=1))


def _latent_of(f: Fields, d: int, *, gate: bool) -> LatentAttention:
    return LatentAttention(
        d_model=d,
        n_heads=f.integer("num_attention_heads", default=32),
        q_rank=f.optional("q_lora_rank", default=None),
        kv_rank=f.integer("kv_lora_rank", default=512),
        d_rope=f.integer("qk_rope_head_dim", default=64),
        d_nope=f.integer("qk_nope_head_dim", default=128),
        d_value=f.integer("v_head_dim", default=128),
        bias=f.flag("attention_bias", default=False),
        gate="head" if gate else "",
    )


def kimi_linear(f: Fields) -> Body:
    """KimiLinearForCausalLM: linear_attn_config sizes the linear layers, its layer numbers start at 1.

    Kimi K3 adds experts at a latent width, gates of full rank and residual attention over blocks of layers.
    """
    d, n = f.integer("hidden_size", default=2304), f.n_layers(27)
    inner = f.child("linear_attn_config")
    linear = kimi_delta(
        d,
        n_heads=inner.integer("num_heads", default=f.integer("linear_num_heads", default=32)),
        d_head=inner.integer("head_dim", default=f.integer("linear_head_dim", default=128)),
        d_conv=inner.integer(
            "short_conv_kernel_size", default=f.integer("linear_conv_kernel_dim", default=4)
        ),
        low_rank=True,
        full_output_gate=inner.flag("use_full_rank_gate", default=False),
    )
    attends, linear_layers = inner.indices("full_attn_layers", n + 1), inner.indices("kda_layers", n + 1)
    if (
        attends is not None
        and linear_layers is not None
        and {*attends, *linear_layers} != set(range(1, n + 1))
    ):
        raise f.refuse(f"full_attn_layers and kda_layers must name the layers 1 to {n} between them")

    def kind(i: int) -> str:
        full = i > 0 and i % 4 == 0 if attends is None else i + 1 in attends
        return "full_attention" if full else "linear_attention"

    kinds = f.layer_types(default_layers=n, default=kind)
    dense = mlp(d, f.integer("intermediate_size", default=9216))
    feed = first_dense(f, n, dense=dense, sparse=_kimi_experts(f, d, n_experts=256, units=1024), default=1)
    gated = f.flag("mla_use_output_gate", default=False)
    latent = replace(_latent_of(f, d, gate=False), gate="all" if gated else "")
    # Each layer reads a mean of blocks of earlier ones twice: a norm and a query each; so does the last norm.
    means = 4 if f.optional("attn_res_block_size", default=None) else 0
    mixers = _pair(latent.block, linear)
    layers = stack_of(f, kinds, mixers, lambda i: (*feed(i), norm(d, 2 + means)))
    body = decoder(f, layers, d_model=d, vocab_size=163840, tied=None)
    f.accept("moe_layer_freq", 1)
    f.ignore("mla_use_nope", "activation_situ_beta", "activation_situ_linear_beta")
    inner.ignore("gate_lower_bound")
    third = f.get("routed_expert_hidden_size", "mla_use_output_gate", "attn_res_block_size") is not None
    third = third or inner.get("use_full_rank_gate") is not None
    return replace(
        body,
        outside=(*body.outside, norm(d, means // 2)),
        doubts=(KIMI_K3,) if third else (),
    )


def bailing_hybrid(f: Fields) -> Body:
    """BailingHybridForCausalLM: the last layer of every group of layer_group_size attends."""
    d, n = f.integer("hidden_size", default=2560), f.n_layers(42)
    linear = kimi_delta(
        d,
        n_heads=f.integer("linear_num_heads", "num_attention_heads", default=32),
        d_head=f.integer("linear_head_dim", "head_dim", default=128),
        d_conv=f.integer("linear_conv_kernel_dim", "short_conv_kernel_size", default=4),
        low_rank=False,
    )
    group = f.integer("layer_group_size", default=6)
    kinds = f.layer_types(
        default_layers=n, default=lambda i: "linear_attention" if (i + 1) % group else "full_attention"
    )
    dense = mlp(d, f.integer("intermediate_size", default=6144))
    feed = first_dense(f, n, dense=dense, sparse=_kimi_experts(f, d, n_experts=512, units=768), default=2)
    mixers = _pair(_latent_of(f, d, gate=True).block, linear)
    layers = stack_of(f, kinds, mixers, lambda i: (*feed(i), norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=157184, tied=None)


def minimax(f: Fields) -> Body:
    """MiniMaxForCausalLM: its cache class knows no sliding window; lightning layers use all query heads."""
    d = f.integer("hidden_size", default=4096)
    plain: Attention = attention_of(f, d, n_heads=32, n_kv=8)
    linear = lightning(d, n_heads=plain.n_heads, d_head=plain.d_head)
    feed = Experts(
        d_model=d,
        n_experts=f.renamed("num_local_experts", "num_experts", default=8),
        per_token=f.integer("num_experts_per_tok", default=2),
        d_mlp=f.integer("intermediate_size", default=14336),
    ).block
    kinds = f.layer_types(
        default_layers=32, default=lambda i: "linear_attention" if i % 2 else "full_attention"
    )
    layers = stack_of(f, kinds, _pair(plain.block, linear), lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32000)
