"""Inkling 2: as Inkling, with gated outputs, sinks, taps that depend on the token, and means over blocks of layers."""

from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Experts
from plait.memory.huggingface.body import Body, around
from plait.memory.huggingface.convolved_attention import convolution_tails, hybrid_kinds
from plait.memory.huggingface.fields import MOST_LAYERS, Fields

VISITS = "a layer that is visited again is listed once more for each visit: with a cache of its own, without weights"


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
    return replace(body, layers=(*layers, *again), outside=(*body.outside, messages), notes=(VISITS,))


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
