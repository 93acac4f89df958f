"""Qwen4-Exp: the gated delta rule and attention over indexed tokens, between residual streams that are mixed."""

from collections.abc import Callable
from dataclasses import replace
from math import isqrt

from plait.memory.block import Block
from plait.memory.huggingface.body import Body
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.linear_families import delta_of, gated_heads, qwen_experts, stack_of

SCORES = (
    "scores are counted for every visible token, as the class computes them, not for the indexed ones alone"
)
POSITIONS = "24 bytes a token of position numbers, which the first indexed layer keeps, are not counted"

_MOST_TABLES = 1024
_LARGEST_TABLE = 10**9


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
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside, notes=(SCORES, POSITIONS))


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
