"""Families whose attention layers carry short convolutions of their own: Zaya, Inkling and Inkling 2.

Inkling 2 is Inkling with gated outputs, sinks, taps that depend on the token, and means over blocks of layers.
"""

from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, Experts, around, attention_of, mlp, window_of
from plait.memory.huggingface.fields import MOST_LAYERS, Fields, shown


def hybrid_kinds(f: Fields, default_layers: int, slides: set[int]) -> tuple[str, ...]:
    """layer_types of hybrid and hybrid_sliding; `slides` are the sliding ones of a file without them."""
    kinds = f.layer_types(
        default_layers=default_layers, default=lambda i: "hybrid_sliding" if i in slides else "hybrid"
    )
    if unknown := sorted(set(kinds) - {"hybrid", "hybrid_sliding"}):
        raise f.refuse(f"layer_types must use hybrid and hybrid_sliding, got {shown(unknown[0])}")
    return kinds


def zaya(f: Fields) -> Body:
    """ZayaForCausalLM: queries and keys pass two convolutions, half of the values come one token late."""
    d = f.integer("hidden_size", default=2048)
    plain = attention_of(f, d, n_heads=8, n_kv=2, d_head=128)
    bias = f.flag("attention_bias", default=False)
    n_mixed = plain.n_heads + plain.n_kv
    taps = f.integer("cca_time0", default=2), f.integer("cca_time1", default=2)
    mixed = n_mixed * plain.d_head
    convolutions = mixed * (taps[0] + taps[1] * plain.d_head + 2)
    plain = replace(plain, bias=bias, out_bias=bias, extra=convolutions + plain.n_kv)
    late = Block(
        part="convolution",
        weights=0,
        # The cache holds what enters the first convolution, which is made anew for each tap of the second.
        recurrence=2 * mixed * taps[1] * (taps[0] + plain.d_head),
        recurrent=plain.n_kv * plain.d_head // 2,
        recurrent_float32=False,
        conv=mixed * (taps[0] + taps[1] - 2),
        conv_reach=taps[0] + taps[1] - 1,
    )
    router = f.integer("router_hidden_size", default=256)
    sparse = _zaya_experts(f, d, router)
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(
                replace(plain, window=window_of(f, kind, default=None)).block,
                late,
                sparse,
                norm(d, 10),
                Block(part="experts", weights=router if i else 0),
            ),
        )
        for i, kind in enumerate(hybrid_kinds(f, 40, set()))
    )
    vocab_size = f.integer("vocab_size", default=262272)
    head_bias = vocab_size if f.flag("lm_head_bias", default=False) else 0
    tied = f.flag("tie_word_embeddings", default=True)
    outside = around(d, vocab_size, tied=tied, extra=2 * d + head_bias)
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside)


def _zaya_experts(f: Fields, d: int, router: int) -> Block:
    """Experts behind a router of three layers, which may also skip them all."""
    n_experts = f.integer("num_experts", default=16)
    units = f.integer("moe_intermediate_size", default=2048)
    plain = Experts(d_model=d, n_experts=n_experts, per_token=1, d_mlp=units).block
    matrices = router * (d + 2 * router + n_experts + 1) - d * n_experts
    return replace(plain, weights=plain.weights + matrices + 4 * router, matrices=plain.matrices + matrices)


def inkling(f: Fields) -> Body:
    """InklingForCausalLM: convolutions on keys, values and both residual branches, kept in float32."""
    d, n = f.integer("hidden_size", default=6144), f.n_layers(66)
    taps = f.integer("conv_kernel_size", "sconv_kernel_size", default=4)
    local = f.indices("local_layer_ids", n)
    slides = {i for i in range(n) if (i + 1) % 6} if local is None else set(local)
    kinds = hybrid_kinds(f, n, slides)
    mixers = {
        "hybrid": _inkling_attention(f, d, taps, ""),
        "hybrid_sliding": _inkling_attention(f, d, taps, "swa_"),
    }
    sparse = _inkling_experts(f, d)
    dense_units = f.integer("dense_intermediate_size", "intermediate_size", default=24576)
    plain = mlp(d, dense_units)
    dense = (replace(plain, weights=plain.weights + 1),)
    named = f.get("mlp_layer_types")
    first = f.integer("dense_mlp_idx", default=0, least=0)
    feeds = named if isinstance(named, list) else ["dense" if i < first else "sparse" for i in range(n)]
    layers = tuple(
        Layer(
            kind=kind,
            blocks=(*mixers[kind], *(dense if feed == "dense" else sparse), norm(d, 2)),
        )
        for kind, feed in zip(kinds, feeds, strict=True)
    )
    vocab_size = f.integer("vocab_size", default=201024)
    outside = around(d, vocab_size, tied=False, extra=d)
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside)


def _inkling_attention(f: Fields, d: int, taps: int, prefix: str) -> tuple[Block, Block]:
    """Attention with relative positions of rank d_rel, and the four convolutions of its layer."""
    n_heads = f.integer(f"{prefix}num_attention_heads", default=64)
    n_kv = f.integer(f"{prefix}num_key_value_heads", default=16 if prefix else 8)
    d_head, d_rel = f.integer(f"{prefix}head_dim", default=128), f.integer("d_rel", default=16)
    window = f.renamed("sliding_window_size", "sliding_window", default=512) if prefix else None
    extent = window or f.integer("rel_extent", default=1024)
    convolved = 2 * n_kv * d_head + 2 * d
    attention = Attention(
        d_model=d,
        n_heads=n_heads,
        n_kv=n_kv,
        d_head=d_head,
        window=window,
        extra=2 * d_head,
        extra_matrices=d * n_heads * d_rel + d_rel * extent,
    ).block
    return attention, convolution_tails(convolved, taps)


def convolution_tails(channels: int, taps: int) -> Block:
    """The convolutions of an Inkling layer, held in float32: three of them stand one behind the other."""
    return Block(
        part="convolution",
        weights=channels * taps,
        recurrence=2 * channels * taps,
        conv=channels * taps,
        conv_float32=True,
        conv_reach=3 * (taps - 1),
    )


def _inkling_experts(f: Fields, d: int) -> tuple[Block, ...]:
    shared = f.integer("n_shared_experts", default=2, least=0)
    units = f.integer("moe_intermediate_size", default=3072)
    if f.get("dense_intermediate_size") is not None:
        units = f.integer("intermediate_size", default=units)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("n_routed_experts", "num_local_experts", default=256),
        per_token=f.integer("num_experts_per_tok", default=6),
        d_mlp=units,
    ).block
    beside = mlp(d, shared * units)
    more = d * shared
    return routed, replace(beside, weights=beside.weights + more + 1, matrices=beside.matrices + more)


_VISITS = "a layer that is visited again is listed once more for each visit: with a cache of its own, without weights"


def inkling2(f: Fields) -> Body:
    """Inkling2ForCausalLM: every layer reads weighted means of the blocks of layers before it."""
    return _body(f, d=f.integer("hidden_size", default=4608), n=f.n_layers(48), heads=48, experts=(384, 2304))


def inkling2_loop(f: Fields) -> Body:
    """Inkling2LoopForCausalLM: middle layers are visited several times, each time with a cache of its own, and get
    messages from the visit before through four gates of low rank."""
    d, n = f.integer("hidden_size", default=2304), f.n_layers(24)
    inner = f.child("loop_config")
    first = inner.integer("core_start", default=f.integer("loop_layer_index_start", default=6))
    last = inner.integer("core_end", default=f.integer("loop_layer_index_end", default=18))
    passes = inner.integer("num_passes", default=f.integer("loop_num_passes", default=3))
    rank = inner.integer("gate_rank", default=f.integer("loop_gate_rank", default=64))
    if not first <= last <= n or (last - first) * passes > MOST_LAYERS:
        raise f.refuse(f"loop layers must lie within {n} layers, got {first} to {last}, {passes} times")
    body = _body(f, d=d, n=n, heads=24, experts=(128, 1152))
    gates = 16 * d * rank
    again = tuple(_again(body.layers[i], gates, index=i) for i in range(first, last)) * (passes - 1)
    layers = tuple(
        replace(layer, blocks=(*layer.blocks, Block(part="mlp", weights=gates)))
        if first <= i < last
        else layer
        for i, layer in enumerate(body.layers)
    )
    messages = norm(d, 4 * (last - first))
    return replace(body, layers=(*layers, *again), outside=(*body.outside, messages), notes=(_VISITS,))


def _again(layer: Layer, gates: int, *, index: int) -> Layer:
    """A further visit of a layer: nothing stored, everything multiplied, gates too."""
    blocks = (replace(block, weights=0, visited=0, idle=0) for block in layer.blocks)
    blocks = (*blocks, Block(part="mlp", weights=0, matrices=gates))
    return replace(layer, blocks=blocks, revisits=index)


def _body(f: Fields, *, d: int, n: int, heads: int, experts: tuple[int, int]) -> Body:
    """Layers visited once; `heads` and `experts` (their number and units) are defaults."""
    kinds = hybrid_kinds(f, n, {i for i in range(n) if (i + 1) % 6})
    mixers = {
        "hybrid": _attention(f, d, "", heads=heads),
        "hybrid_sliding": _attention(f, d, "swa_", heads=heads),
    }
    feed = Experts(
        d_model=d,
        n_experts=f.renamed("n_routed_experts", "num_local_experts", default=experts[0]),
        per_token=f.integer("num_experts_per_tok", default=8),
        d_mlp=f.integer("moe_intermediate_size", "intermediate_size", default=experts[1]),
    ).block
    layers = tuple(
        Layer(kind=kind, blocks=(*mixers[kind], feed, _reading(d, kind, first=i == 0)))
        for i, kind in enumerate(kinds)
    )
    vocab_size = f.integer("vocab_size", default=201024)
    answers = f.integer("unpadded_vocab_size", default=200058)
    # Norms of the embedding and of the output, and the query of the last mean.
    table, read, _, _ = around(d, vocab_size, tied=True, extra=0)
    head = Block(part="unembedding", weights=d * answers, matrices=d * answers)
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=(table, read, norm(d, 2), head))


def _reading(d: int, kind: str, *, first: bool) -> Block:
    """Norms, one each for queries, keys and values in full attention, and as many queries of means."""
    inputs = 3 if kind == "hybrid" else 1
    return norm(d, inputs + 1 + (0 if first else inputs) + 1)


def _attention(f: Fields, d: int, prefix: str, *, heads: int) -> tuple[Block, Block]:
    """Attention with relative positions of rank d_rel, and the four convolutions of its layer."""
    n_heads = f.integer(f"{prefix}num_attention_heads", default=heads)
    n_kv = f.integer(f"{prefix}num_key_value_heads", default=8)
    d_head, d_rel = f.integer(f"{prefix}head_dim", default=128), f.integer("d_rel", default=16)
    taps = f.integer("conv_kernel_size", "sconv_kernel_size", default=4)
    window = f.renamed("sliding_window_size", "sliding_window", default=1024) if prefix else None
    extent = window or f.integer("rel_extent", default=1024)
    inner, convolved = n_heads * d_head, 2 * n_kv * d_head + 2 * d
    by_token = 0 if prefix else 2 * d * n_kv * taps
    attention = Attention(
        d_model=d,
        n_heads=n_heads,
        n_kv=n_kv,
        d_head=d_head,
        window=window,
        extra=inner + n_heads * d_rel,
        extra_matrices=d * (inner + n_heads + n_heads * d_rel) + d_rel * extent + by_token,
    ).block
    return attention, convolution_tails(convolved, taps)
