"""Families whose residual streams are mixed, with attention over indexed tokens: Qwen4-Exp and GLM-5-Next.

The recurrent layers between are the gated delta rule in the first and Kimi delta attention in the second.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isqrt

from plait.memory.block import Block, norm
from plait.memory.huggingface.blocks import Body, Experts, LatentAttention, decoder, mlp
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.linear_families import (
    delta_of,
    first_dense,
    gated_heads,
    qwen_experts,
    stack_of,
)
from plait.memory.huggingface.mixers import kimi_delta

_SCORES = (
    "scores are counted for every visible token, as the class computes them, not for the indexed ones alone"
)
_POSITIONS = "24 bytes a token of position numbers, which the first indexed layer keeps, are not counted"

_MOST_TABLES = 1024
_LARGEST_TABLE = 10**9
"""Of n-grams, and rows of one: each has a prime number of rows, which is looked for."""


def qwen4_exp(f: Fields) -> Body:
    """Qwen4ExpForCausalLM: two mixers of residual streams in every layer, and one in place of the last norm."""
    d = f.integer("hidden_size", default=2048)
    kinds = f.layer_types(default_layers=40, default=_kind(f))
    kinds = tuple("indexed_attention" if kind == "full_attention" else kind for kind in kinds)
    feed = qwen_experts(f, d, n_experts=512, per_token=10)
    streams = f.integer("hc_count", default=4, least=2)
    places = sorted(set(f.indices("ple_layer_ids", len(kinds) + 1) or ()))
    mixed = _mixed_streams(f, d, streams, injects=True)
    embedded = {place - 1: _layer_embedding(f, d, streams, number) for number, place in enumerate(places)}
    layers = stack_of(
        f,
        kinds,
        {"indexed_attention": _indexed(f, d), "linear_attention": delta_of(f, d)},
        lambda i: (*feed, mixed, mixed, *embedded.get(i, ())),
    )
    vocab_size = f.integer("vocab_size", default=248320)
    table, tied = d * vocab_size, f.flag("tie_word_embeddings", default=False)
    outside = (
        Block(part="embedding", weights=table, lookup=d),
        _mixed_streams(f, d, streams, injects=False),
        Block(part="unembedding", weights=0 if tied else table, matrices=table),
    )
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside, notes=(_SCORES, _POSITIONS))


def _kind(f: Fields) -> Callable[[int], str]:
    every = f.integer("full_attention_interval", default=4)
    return lambda i: "linear_attention" if (i + 1) % every else "indexed_attention"


def _indexed(f: Fields, d: int) -> Block:
    """Gated attention beside an indexer, whose keys are cached too."""
    block = gated_heads(f, d, n_kv=2)
    if f.get("indexer_n_heads") is None:
        return block
    n_heads, width = f.integer("indexer_n_heads", default=1), f.integer("indexer_head_dim", default=1)
    matrices = d * (n_heads + 1) * width
    return replace(
        block,
        weights=block.weights + matrices + 2 * width,
        matrices=block.matrices + matrices,
        kv_per_token=block.kv_per_token + width,
        score=block.score + n_heads * width // f.integer("indexer_compress_ratio", default=1),
    )


def _mixed_streams(f: Fields, d: int, streams: int, *, injects: bool) -> Block:
    """The gates that read one input from all residual streams, and those that write it back."""
    wide, rank = streams * d, f.integer("hc_lowrank", default=320)
    matrices = 2 * wide * rank + injects * wide * streams
    return Block(part="norm", weights=wide + matrices, matrices=matrices)


def _layer_embedding(f: Fields, d: int, streams: int, number: int) -> tuple[Block, Block]:
    """Hashed n-grams of the last tokens, gated into every stream through a dilated convolution."""
    wide, n = streams * d, f.integer("ngram_size", default=3, least=2)
    heads = (n - 1) * f.integer("heads_per_ngram", default=8)
    width = f.integer("ple_embed_dim", default=d)
    base = f.integer("ngram_vocab_size_base", default=20_000_000)
    if width % heads or base > _LARGEST_TABLE:
        raise f.refuse(
            f"ple_embed_dim must be a multiple of {heads} and ngram_vocab_size_base at most {_LARGEST_TABLE}, "
            f"got {width} and {base}"
        )
    if (number + 1) * heads > _MOST_TABLES:
        raise f.refuse(f"n-grams must have at most {_MOST_TABLES} tables, got {(number + 1) * heads}")
    rows = sum(_primes(base - 1, (number + 1) * heads)[number * heads :])
    unit = f.integer("make_ngram_vocab_size_divisible_by", default=128)
    table = -(-rows // unit) * unit * (width // heads)
    taps = f.integer("ple_conv_kernel_size", default=4)
    matrices = width * (wide + d)
    mixer = Block(
        part="embedding",
        weights=matrices + 3 * wide + wide * taps,
        matrices=matrices,
        recurrence=2 * wide * taps,
        conv=wide * (taps - 1) * n,
        token_ids=n - 1,
    )
    return Block(part="embedding", weights=table, lookup=width), mixer


def _primes(above: int, count: int) -> list[int]:
    """The first `count` primes above a number."""
    found: list[int] = []
    while len(found) < count:
        above += 1
        if above > 1 and all(above % divisor for divisor in range(2, isqrt(above) + 1)):
            found.append(above)
    return found


def glm5_next(f: Fields) -> Body:
    """The language model of Glm5NextForConditionalGeneration; layers may share the tokens that an earlier one chose."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(45)
    kinds = f.layer_types(
        default_layers=n, default=lambda i: "linear_attention" if i % 4 != 3 else "indexed_attention"
    )
    kinds = tuple("indexed_attention" if kind == "full_attention" else kind for kind in kinds)
    attention, indexer = _attention(f, d), _indexer(f, d)
    mixed = _gates_of_streams(d, f.integer("hc_mult", default=4))
    feed = first_dense(
        f, n, dense=mlp(d, f.integer("intermediate_size", default=12288)), sparse=_experts(f, d), default=3
    )
    layers = stack_of(
        f,
        kinds,
        {"indexed_attention": attention, "linear_attention": _linear(f, d)},
        lambda i: (*feed(i), mixed, mixed, norm(d, 2)),
    )
    layers = tuple(
        replace(layer, blocks=(*layer.blocks, indexer))
        if chooses and layer.kind == "indexed_attention"
        else layer
        for layer, chooses in zip(layers, _choosing(f, n), strict=True)
    )
    return replace(decoder(f, layers, d_model=d, vocab_size=154880), notes=(_SCORES,))


def _choosing(f: Fields, n: int) -> list[bool]:
    """Which layers have an indexer: indexer_types, a pattern of F and S, or a rhythm."""
    named, pattern = f.get("indexer_types"), f.get("index_topk_pattern")
    if named is None and isinstance(pattern, str):
        named = [{"F": "full", "S": "shared"}.get(letter, letter) for letter in pattern]
    elif named is None:
        named = pattern
    if named is None:
        every, offset = (
            f.integer("index_topk_freq", default=1),
            f.integer("index_skip_topk_offset", default=2, least=0),
        )
        return [max(i - offset + 1, 0) % every == 0 for i in range(n)]
    if not isinstance(named, list) or len(named) != n or set(map(str, named)) - {"full", "shared"}:
        raise f.refuse(f"indexer_types must name {n} layers full or shared, got {shown(named)}")
    return [kind == "full" for kind in named]


def _attention(f: Fields, d: int) -> Block:
    return LatentAttention(
        d_model=d,
        n_heads=f.integer("num_attention_heads", default=64),
        q_rank=f.integer("q_lora_rank", default=1536),
        kv_rank=f.integer("kv_lora_rank", default=512),
        d_rope=f.integer("qk_rope_head_dim", default=0, least=0),
        d_nope=f.integer("qk_nope_head_dim", default=256),
        d_value=f.integer("v_head_dim", default=256),
        bias=f.flag("attention_bias", default=False),
    ).block


def _indexer(f: Fields, d: int) -> Block:
    """Scores pools of tokens; a key, a gate as wide and a flag are cached for every token."""
    heads, width = f.integer("index_n_heads", default=32), f.integer("index_head_dim", default=128)
    pool = f.integer("index_kpool", default=16)
    matrices = f.integer("q_lora_rank", default=1536) * heads * width + d * (2 * width + heads)
    return Block(
        part="attention",
        weights=matrices + 2 * width + pool * width,
        matrices=matrices,
        kv_per_token=2 * width + 1,
        score=heads * width // pool,
    )


def _linear(f: Fields, d: int) -> Block:
    inner = f.child("linear_attn_config")
    return kimi_delta(
        d,
        n_heads=inner.integer("num_heads", default=f.integer("linear_num_heads", default=64)),
        d_head=inner.integer("head_dim", default=f.integer("linear_head_dim", default=128)),
        d_conv=inner.integer(
            "short_conv_kernel_size", default=f.integer("linear_conv_kernel_dim", default=4)
        ),
        low_rank=True,
    )


def _gates_of_streams(d: int, streams: int) -> Block:
    """The weights with which residual streams are read, written and mixed."""
    gates = (2 + streams) * streams
    return Block(part="norm", weights=gates * streams * d + gates + 3, matrices=gates * streams * d)


def _experts(f: Fields, d: int) -> tuple[Block, Block]:
    units = f.integer("moe_intermediate_size", default=2048)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("n_routed_experts", "num_local_experts", default=288),
        per_token=f.integer("num_experts_per_tok", default=8),
        d_mlp=units,
    ).block
    return routed, mlp(d, units * f.integer("n_shared_experts", default=1))
