"""Families whose layers have different heads: by kind (MiMo-V2, Step-3.5, MiniMax-M3) or one by one (Laguna)."""

from dataclasses import replace

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
from plait.memory.huggingface.fields import Fields, fields_by_layer, shown
from plait.memory.huggingface.latent_table import SCORES
from plait.memory.huggingface.recipe_experts import EITHER, EXPERTS, ROUTED, Shared, Sparse, first_layers

OTHERWISE = "the class takes {taken} for {name}, where the file has {got}: that field is not read by it"


def mimo_v2(f: Fields) -> Body:
    """MiMoV2FlashForCausalLM: sliding layers have twice the key-value heads, and sinks.

    Its class has a rhythm of its own and does not read hybrid_layer_pattern, moe_layer_freq or the swa_ fields.
    """
    d, n = f.integer("hidden_size", default=4096), f.n_layers(48)
    kinds = f.layer_types(
        default_layers=n,
        default=lambda i: "full_attention" if i == 0 or (i + 1) % 6 == 0 else "sliding_attention",
    )
    only(f, kinds, ATTENTION_KINDS[:2])
    heads, n_kv = f.heads(default=64, default_kv=4)
    bias = f.flag("attention_bias", default=False)
    plain = Attention(
        d_model=d, n_heads=heads, n_kv=n_kv, d_head=f.d_head(d, heads, default=192), bias=bias,
        d_value=f.integer("v_head_dim", default=128),
    )  # fmt: skip
    window = f.optional("sliding_window", default=129)
    if f.get("sliding_window_size") is not None:
        window = f.integer("sliding_window_size", default=1) + 1
    if heads % (2 * n_kv):
        raise f.refuse(f"num_key_value_heads must divide half of num_attention_heads = {heads}, got {n_kv}")
    mixers = {
        "full_attention": plain.block,
        "sliding_attention": replace(plain, n_kv=2 * n_kv, window=window, extra=heads).block,
    }
    if window is None and "sliding_attention" in kinds:
        raise f.refuse("sliding_window must be an integer of at least 1 where a layer slides, got None")
    dense = first_layers(1)(f, n)
    plain_feed = (mlp(d, f.integer("intermediate_size", default=16384)),)
    # n_shared_experts is no field of its class, and null in its files.
    sparse = Sparse(experts=256, per_token=8, names=ROUTED, units=2048).blocks(f, d, 1)
    layers = tuple(
        Layer(kind=kind, blocks=(mixers[kind], *(plain_feed if dense(i) else sparse), norm(d, 2)))
        for i, kind in enumerate(kinds)
    )
    body = decoder(f, layers, d_model=d, vocab_size=152576)
    return replace(body, notes=_mimo_notes(f, kinds, mixers, [dense(i) for i in range(n)]))


def _mimo_notes(
    f: Fields, kinds: tuple[str, ...], mixers: dict[str, Block], dense: list[bool]
) -> tuple[str, ...]:
    """What the file says otherwise, in fields that the class does not read."""
    heads, n_kv = f.heads(default=64, default_kv=4)
    width, value = f.d_head(1, 1, default=192), f.integer("v_head_dim", default=128)
    taken: dict[str, object] = {
        "hybrid_layer_pattern": [int(kind == "sliding_attention") for kind in kinds],
        "moe_layer_freq": [int(not plain) for plain in dense],
        "swa_num_attention_heads": heads,
        "swa_num_key_value_heads": 2 * n_kv,
        "swa_head_dim": width,
        "swa_v_head_dim": value,
        "add_swa_attention_sink_bias": True,
        "add_full_attention_sink_bias": False,
    }
    got = {name: f.get(name) for name in taken}
    f.ignore(
        "attention_chunk_size", "hybrid_block_size", "attention_value_scale", "attention_projection_layout"
    )
    return tuple(
        OTHERWISE.format(taken=shown(taken[name]), name=name, got=shown(value))
        for name, value in got.items()
        if value is not None and value != taken[name]
    )


def step3p5(f: Fields) -> Body:
    """The language model of Step-3.5 and Step-3.7: sliding layers may have other heads; a gate for each head."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(45)
    draft = f.integer("num_nextn_predict_layers", "num_mtp_layers", default=0, least=0)
    kinds = _without_drafts(f, "layer_types", n, draft).layer_types(
        default_layers=n, default=lambda _: "full_attention"
    )
    f.get("layer_types")
    only(f, kinds, ATTENTION_KINDS[:2])
    heads = f.integer("num_attention_heads", default=64)
    other = f.child("attention_other_setting")
    sliding = f.integer(
        "num_sliding_attention_heads", default=other.integer("num_attention_heads", default=heads)
    )
    if f.get("num_sliding_attention_heads") is None and f.get("attention_other_setting") is None:
        sliding = heads if "num_sliding_attention_heads" in f.data else 64
    other.ignore("attention_type", "num_attention_groups", "head_dim", "true_head_dim")
    n_kv = f.integer("num_key_value_heads", "num_attention_groups", default=8)
    if heads % n_kv or sliding % n_kv:
        raise f.refuse(f"num_key_value_heads must divide {heads} and {sliding} query heads, got {n_kv}")
    bias = f.flag("attention_bias", default=False)
    plain = Attention(
        d_model=d, n_heads=heads, n_kv=n_kv, d_head=f.d_head(d, heads, default=128), bias=bias, out_bias=bias
    )
    own = fields_by_layer(f, n, known=("num_attention_heads",))
    f.ignore("swiglu_limits", "swiglu_limits_shared", "mtp_layer_types", "mtp_mlp_layer_types")
    f.ignore("use_head_wise_attn_gate", "use_moe", "use_moe_router_bias", "use_qk_norm", "qk_norm", "sink")
    feeds = _step_feeds(f, d, n, draft)
    each = [sliding if kind == "sliding_attention" else heads for kind in kinds]
    if own is not None:
        each = [mine.integer("num_attention_heads", default=heads) for mine in own]
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                _gated(replace(plain, n_heads=each[i]), f, kind),
                *feeds[i],
                norm(d, 2),
            ),
        )
        for i, kind in enumerate(kinds)
    )
    return decoder(f, layers, d_model=d, vocab_size=128815)


def _gated(plain: Attention, f: Fields, kind: str) -> Block:
    """With norms of queries and keys, and a gate for each head."""
    gate = plain.d_model * plain.n_heads
    window = window_of(f, kind, default=None)
    return replace(plain, extra=2 * plain.d_head, extra_matrices=gate, window=window).block


def _without_drafts(f: Fields, name: str, n: int, draft: int) -> Fields:
    """The same file, a list of which may name draft layers at its end."""
    value = f.get(name)
    if draft and isinstance(value, list) and len(value) == n + draft:
        value = value[:n]
    return Fields({**f.data, name: value}, f.model_type)


def _step_feeds(f: Fields, d: int, n: int, draft: int) -> list[tuple[Block, ...]]:
    """Experts where moe_layers_enum says so, by default from the fourth layer on."""
    listed = f.get("moe_layers_enum")
    if isinstance(listed, str):
        listed = [int(part) if part.strip().isdecimal() else -1 for part in listed.split(",") if part.strip()]
    if listed is not None and (not isinstance(listed, list) or not all(type(i) is int for i in listed)):
        raise f.refuse(f"moe_layers_enum must list layers, got {shown(listed)}")
    first = f.integer("first_k_dense_replace", default=3, least=0)
    sparse_at = set(range(first, n)) if listed is None else set(listed)
    f.get("mlp_layer_types")
    named = _without_drafts(f, "mlp_layer_types", n, draft)
    dense = first_layers(0)(named, n) if named.data["mlp_layer_types"] else lambda i: i not in sparse_at
    bias = f.flag("mlp_bias", default=False)
    plain = mlp(d, f.integer("intermediate_size", default=11264), bias=bias)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed(
            "n_routed_experts", "num_local_experts", "moe_num_experts", "num_experts", default=288
        ),
        per_token=f.integer("num_experts_per_tok", "moe_top_k", default=8),
        d_mlp=f.integer("moe_intermediate_size", default=1280),
    ).block
    wide = f.integer("share_expert_dim", "share_expert_dims", default=1280)
    shared = replace(mlp(d, wide, bias=bias), part="shared experts")
    return [(plain,) if dense(i) else (routed, shared) for i in range(n)]


def laguna(f: Fields) -> Body:
    """LagunaForCausalLM: every layer may have its own number of query heads; gates for heads or for features."""
    d, n = f.integer("hidden_size", default=2048), f.n_layers(40)
    kinds = f.layer_types(default_layers=n, default=lambda _: "full_attention")
    only(f, kinds, ATTENTION_KINDS[:2])
    usual, n_kv = f.heads(default=48, default_kv=8)
    each = f.each_layer("num_attention_heads_per_layer", n) or (usual,) * n
    width, gating = f.d_head(d, usual, default=128), f.get("gating")
    by_head = gating in (None, True, "per-head")
    bias = f.flag("attention_bias", default=False)
    sparse = Sparse(
        experts=256, per_token=8, names=EXPERTS, units=512, extra=1,
        shared=Shared(units=512, units_names=("shared_expert_intermediate_size",)),
    ).blocks(f, d, 1)  # fmt: skip
    plain, dense = (mlp(d, f.integer("intermediate_size", default=8192)),), first_layers(1)(f, n)
    f.ignore("swa_attention_sink_enabled", "moe_apply_router_weight_on_input")

    def attention(i: int) -> Block:
        heads = each[i]
        if heads % n_kv:
            raise f.refuse(f"num_key_value_heads must divide {heads} query heads, got {n_kv}")
        return Attention(
            d_model=d, n_heads=heads, n_kv=n_kv, d_head=width, bias=bias, out_bias=bias, extra=2 * width,
            extra_matrices=d * heads * (1 if by_head else width), window=window_of(f, kinds[i], default=512),
        ).block  # fmt: skip

    layers = tuple(
        Layer(kind=kind, blocks=(attention(i), *(plain if dense(i) else sparse), norm(d, 2)))
        for i, kind in enumerate(kinds)
    )
    return decoder(f, layers, d_model=d, vocab_size=100352)


def minimax_m3(f: Fields) -> Body:
    """The language model of MiniMax-M3: sparse layers have an indexer, whose keys are cached too."""
    d, n = f.integer("hidden_size", default=6144), f.n_layers(60)
    nested = f.child("sparse_attention_config")
    marked = nested.get("sparse_attention_freq")
    if marked is not None and (not isinstance(marked, list) or len(marked) != n):
        raise f.refuse(f"sparse_attention_freq must mark {n} layers, got {shown(marked)}")
    sparse_kind = "minimax_m3_sparse"
    kinds = f.layer_types(
        default_layers=n, default=lambda i: sparse_kind if marked and marked[i] else "full_attention"
    )
    only(f, kinds, ("full_attention", sparse_kind))
    heads, n_kv = f.heads(default=64, default_kv=4)
    width = f.d_head(d, heads, default=128)
    attention = Attention(d_model=d, n_heads=heads, n_kv=n_kv, d_head=width, extra=2 * width).block
    few = nested.integer("sparse_num_index_heads", default=f.integer("index_n_heads", default=4))
    small = nested.integer("sparse_index_dim", default=f.integer("index_head_dim", default=128))
    nested.ignore(
        "sparse_block_size", "sparse_topk_blocks", "sparse_local_block", "sparse_init_block", "use_sparse_attention",
        "sparse_score_type", "sparse_disable_index_value",
    )  # fmt: skip
    f.ignore("index_block_size", "index_topk_blocks", "index_local_blocks", "swiglu_alpha", "swiglu_limit")
    matrices = d * small * (few + 1)
    chooser = Block(
        part="attention",
        weights=matrices + 2 * small,
        matrices=matrices,
        kv_per_token=small,
        score=few * small,
    )
    freq = f.get("moe_layer_freq")
    if f.get("mlp_layer_types") is None and isinstance(freq, list) and len(freq) == n:
        dense = lambda i: not freq[i]  # noqa: E731
    else:
        dense = first_layers(0)(f, n)
    units = f.integer("intermediate_size", default=3072)
    f.accept("moe_intermediate_size", units)
    f.accept("first_k_dense_replace", next((i for i in range(n) if not dense(i)), n))
    sparse = Sparse(
        experts=128,
        per_token=4,
        names=EITHER,
        shared=Shared(units=3072, units_names=("shared_intermediate_size",)),
    ).blocks(f, d, units)
    plain = (mlp(d, f.integer("dense_intermediate_size", default=12288)),)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                attention,
                *((chooser,) if kind == sparse_kind else ()),
                *(plain if dense(i) else sparse),
                norm(d, 2),
            ),
        )
        for i, kind in enumerate(kinds)
    )
    body = decoder(f, layers, d_model=d, vocab_size=200064)
    return replace(body, notes=(SCORES,) if sparse_kind in kinds else ())
