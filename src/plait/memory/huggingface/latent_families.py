"""Families of latent attention that no row describes: heads by kind, shared caches, double layers."""

from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import (
    Body,
    Experts,
    LatentAttention,
    decoder,
    indexer,
    mlp,
    only,
    window_of,
)
from plait.memory.huggingface.fields import Fields, fields_by_layer, shown
from plait.memory.huggingface.latent_table import INDEXED, SCORES, by_frequency, choosing
from plait.memory.huggingface.recipe_experts import N_SHARED, ROUTED, ROUTED_ANY, Dense, Sparse, first_layers

_IGNORED = ("num_key_value_heads", "qk_head_dim", "index_topk", "mlp_bias")


def _sparse_rhythm(f: Fields, n: int) -> Dense:
    """Experts from first_k_dense_replace on, in every moe_layer_freq-th layer or in those that a list marks."""
    freq, first = f.get("moe_layer_freq"), f.integer("first_k_dense_replace", default=1, least=0)
    if isinstance(freq, list) and len(freq) != n:
        raise f.refuse(f"moe_layer_freq must mark {n} layers, got {shown(freq)}")
    step = 1 if freq is None or isinstance(freq, list) else f.integer("moe_layer_freq", default=1)
    if f.get("mlp_layer_types") is not None:
        return first_layers(1)
    marked = freq if isinstance(freq, list) else [i % step == 0 for i in range(n)]
    return lambda _, __: lambda i: not (i >= first and marked[i])


def axk2(f: Fields) -> Body:
    """AXK2ForCausalLM: queries and output gates come from one projection, norms are gated at rank gated_norm_rank."""
    d, n = f.integer("hidden_size", default=2048), f.n_layers(48)
    f.ignore(*_IGNORED, "head_dim")
    kinds = f.layer_types(default_layers=n, default=lambda _: INDEXED)
    only(f, kinds, (INDEXED,))
    heads, rank = f.integer("num_attention_heads", default=32), f.integer("q_lora_rank", default=384)
    plain = LatentAttention(
        d_model=d, n_heads=heads, q_rank=rank,
        kv_rank=f.integer("kv_lora_rank", default=128), d_rope=f.integer("qk_rope_head_dim", default=32),
        d_nope=f.integer("qk_nope_head_dim", default=64), d_value=f.integer("v_head_dim", default=64),
        bias=f.flag("attention_bias", default=False),
    )  # fmt: skip
    d_key = plain.d_rope + plain.d_nope
    more = rank * heads * (d_key + 2 * plain.d_value)
    attention = replace(plain.block, weights=plain.block.weights + more, matrices=plain.block.matrices + more)
    chooser = indexer(
        d, n_heads=f.integer("index_n_heads", default=16), d_head=f.integer("index_head_dim", default=128),
        d_query=rank,
    )  # fmt: skip
    gate = 2 * d * f.integer("gated_norm_rank", default=16)
    gated = Block(part="norm", weights=d + gate, matrices=gate)
    dense = _sparse_rhythm(f, n)(f, n)
    sparse = Sparse(
        experts=128,
        per_token=8,
        names=ROUTED,
        units=512,
        shared=N_SHARED,
    ).blocks(f, d, 1)
    feed = mlp(d, f.integer("intermediate_size", default=5120))
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(attention, chooser, gated, *((feed, norm(d)) if dense(i) else (*sparse, gated))),
        )
        for i, kind in enumerate(kinds)
    )
    return replace(decoder(f, layers, d_model=d, vocab_size=163840), notes=(SCORES,))


_SLIDING = {
    "num_attention_heads": 64, "num_key_value_heads": 64, "q_lora_rank": 1024, "kv_lora_rank": 1024, "head_dim": 256,
    "qk_nope_head_dim": 192, "v_head_dim": 128,
}  # fmt: skip


def dots3_note(f: Fields) -> Body:
    """Dots3NoteForCausalLM: sliding layers have latent attention of other sizes, full ones an indexer."""
    d, n = f.integer("hidden_size", default=5120), f.n_layers(46)
    f.ignore(*_IGNORED, "head_dim")
    dsa = f.get("use_dsa") is not False
    full = INDEXED if dsa else "full_attention"
    slides = f.flag("use_sliding_window", default=True)
    kinds = f.layer_types(
        default_layers=n,
        default=lambda i: full if not slides or i < 2 or i % 4 == 1 else "sliding_attention",
    )
    kinds = tuple(kind if kind == "sliding_attention" else full for kind in kinds)
    only(f, kinds, (full, "sliding_attention"))
    own = fields_by_layer(f, n, known=(*_SLIDING, "qk_rope_head_dim"))
    sliding = {name: f.integer(f"swa_{name}", default=value) for name, value in _SLIDING.items()}
    sliding["qk_rope_head_dim"] = f.integer(
        "swa_qk_rope_head_dim", default=max(sliding["head_dim"] - sliding["qk_nope_head_dim"], 1)
    )
    chooser = indexer(
        d, n_heads=f.integer("index_n_heads", default=64), d_head=f.integer("index_head_dim", default=128),
        d_query=f.integer("q_lora_rank", default=1024),
    )  # fmt: skip
    chooser = replace(chooser, kv_float32=True)
    dense = _sparse_rhythm(f, n)(f, n)
    shared = f.integer(
        "moe_shared_expert_intermediate_size", "shared_experts_intermediate_size", default=1536
    )
    routed = Sparse(experts=256, per_token=8, names=ROUTED, units=1536).blocks(f, d, 1)
    count = f.integer("n_shared_experts", default=1, least=0)
    sparse = (*routed, replace(mlp(d, count * shared), part="shared experts"))
    feed = (mlp(d, f.integer("intermediate_size", default=13824)),)

    def attention(i: int) -> tuple[Block, ...]:
        narrow = kinds[i] == "sliding_attention"
        merged = Fields({**f.data, **(sliding if narrow else {})}, f.model_type)
        mine = merged if own is None else own[i]
        window = window_of(f, kinds[i], default=512)
        block = _dots_attention(f, mine, d, window)
        return (block,) if narrow or not dsa else (block, chooser)

    layers = tuple(
        Layer(kind=kind, blocks=(*attention(i), *(feed if dense(i) else sparse), norm(d, 2)))
        for i, kind in enumerate(kinds)
    )
    for name in ("num_attention_heads", "kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"):
        f.ignore(name)
    return replace(decoder(f, layers, d_model=d, vocab_size=152064), notes=(SCORES,) if dsa else ())


def _dots_attention(f: Fields, mine: Fields, d: int, window: int | None) -> Block:
    """With a norm of the rotated key and a gate for each head."""
    rope = mine.integer("qk_rope_head_dim", default=64)
    return LatentAttention(
        d_model=d, n_heads=mine.integer("num_attention_heads", default=128),
        q_rank=mine.integer("q_lora_rank", default=1024), kv_rank=mine.integer("kv_lora_rank", default=512),
        d_rope=rope, d_nope=mine.integer("qk_nope_head_dim", default=128),
        d_value=mine.integer("v_head_dim", default=128), bias=f.flag("attention_bias", default=False),
        window=window, gate="head", extra=rope,
    ).block  # fmt: skip


def longcat_flash(f: Fields) -> Body:
    """LongcatFlashForCausalLM: a layer is two of attention and feed-forward, beside one set of experts.

    Its class stores input weights for zero_expert_num experts that do nothing.
    """
    d, n = f.integer("hidden_size", default=6144), f.integer("num_layers", default=28)
    n = Fields({"num_hidden_layers": n}, f.model_type).n_layers(n)
    f.ignore("num_key_value_heads", "head_dim")
    f.accept("num_hidden_layers", n, 2 * n)
    heads = f.integer("num_attention_heads", default=64)
    attention = LatentAttention(
        d_model=d, n_heads=heads, q_rank=f.integer("q_lora_rank", default=1536),
        kv_rank=f.integer("kv_lora_rank", default=512), d_rope=f.integer("qk_rope_head_dim", default=64),
        d_nope=f.integer("qk_nope_head_dim", default=128), d_value=f.integer("v_head_dim", default=128),
        bias=f.flag("attention_bias", default=False),
    ).block  # fmt: skip
    width = f.integer("qk_rope_head_dim", default=64) + f.integer("qk_nope_head_dim", default=128)
    if f.integer("qk_head_dim", default=width) != width:
        raise f.refuse(f"qk_head_dim must be qk_rope_head_dim + qk_nope_head_dim = {width}")
    feed = mlp(d, f.integer("ffn_hidden_size", "intermediate_size", default=12288))
    experts = f.integer("n_routed_experts", default=512)
    idle = f.integer("zero_expert_num", default=256, least=0)
    units = f.integer("expert_ffn_hidden_size", "moe_intermediate_size", default=2048)
    f.accept("zero_expert_type", "identity")
    f.accept("attention_method", "MLA")
    per_token = f.integer("moe_topk", "num_experts_per_tok", default=12)
    routed = Experts(d_model=d, n_experts=experts, per_token=per_token, d_mlp=units).block
    more = d * idle + (experts + idle) * f.flag("router_bias", default=False)
    routed = replace(
        routed,
        weights=routed.weights + more + idle * 2 * units * d,
        matrices=routed.matrices + d * idle,
        idle=routed.idle + idle * 2 * units * d,
    )
    half = (attention, feed, norm(d, 2))
    pair = (
        Layer(kind="full_attention", blocks=(*half, routed)),
        Layer(kind="full_attention", blocks=half),
    )
    return decoder(f, pair * n, d_model=d, vocab_size=131072)


def mistral_large4(f: Fields) -> Body:
    """The language model of Mistral Large 4: full queries, layers without positions, caches shared among layers."""
    d, n = f.integer("hidden_size", default=6144), f.n_layers(72)
    f.ignore(*_IGNORED, "head_dim")
    kinds = f.layer_types(default_layers=n, default=lambda _: INDEXED)
    only(f, kinds, (INDEXED,))
    step = f.integer("no_rope_layer_interval", default=4)
    turns = f.each_layer("no_rope_layers", n, least=0) or [int((i + 1) % step != 0) for i in range(n)]
    sources = f.each_layer("kv_source_layers", n, least=0) or range(n)
    chooses = choosing(f, n, by_frequency)
    dense = first_layers(1, "first_k_dense_replace")(f, n)
    sparse = Sparse(
        experts=128, per_token=4, units=6144, shared=N_SHARED,
        names=ROUTED_ANY,
    ).blocks(f, d, 1)  # fmt: skip
    feed = (mlp(d, f.integer("intermediate_size", default=24576)),)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                *_large_attention(f, d, turns=bool(turns[i]), shares=sources[i] != i, chooses=chooses[i]),
                *(feed if dense(i) else sparse),
                norm(d, 2),
            ),
        )
        for i, kind in enumerate(kinds)
    )
    body = decoder(f, layers, d_model=d, vocab_size=204800)
    rope = f.integer("qk_rope_head_dim", default=64)
    return replace(body, outside=(*body.outside, Block(part="norm", weights=rope // 2)), notes=(SCORES,))


def _large_attention(f: Fields, d: int, *, turns: bool, shares: bool, chooses: bool) -> tuple[Block, ...]:
    """Attention and, where the layer chooses its tokens itself, the indexer with norms of its own."""
    heads, rope = f.integer("num_attention_heads", default=64), f.integer("qk_rope_head_dim", default=64)
    nope, value = f.integer("qk_nope_head_dim", default=64), f.integer("v_head_dim", default=128)
    bias, rank = f.flag("attention_bias", default=False), f.integer("kv_lora_rank", default=512)
    turned, still = (rope, nope) if turns else (0, nope + rope)
    plain = LatentAttention(
        d_model=d, n_heads=heads, q_rank=None, kv_rank=rank, d_rope=turned, d_nope=still, d_value=value,
        bias=bias, extra=2 * heads,
    ).block  # fmt: skip
    if shares:
        into = d * (rank + turned)
        plain = replace(
            plain, weights=plain.weights - into - rank - bias * (rank + turned), matrices=plain.matrices - into,
            kv_per_token=0,
        )  # fmt: skip
    if not chooses:
        return (plain,)
    few, width = f.integer("index_n_heads", default=32), f.integer("index_head_dim", default=128)
    chooser = indexer(d, n_heads=few, d_head=width, d_query=d)
    return plain, replace(chooser, weights=chooser.weights + 2 * d + 2 * few)
