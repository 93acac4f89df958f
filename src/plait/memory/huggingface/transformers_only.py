"""Families whose every layer is softmax attention, over all tokens or in a sliding window."""

from dataclasses import replace

from plait.memory.block import Block, norm
from plait.memory.huggingface.blocks import (
    Attention,
    Body,
    Experts,
    around,
    attention_of,
    attention_stack,
    decoder,
    mlp,
    slides_if_set,
)
from plait.memory.huggingface.fields import Fields


def llama(f: Fields) -> Body:
    """LlamaForCausalLM."""
    d = f.integer("hidden_size", default=4096)
    bias = f.flag("attention_bias", default=False)
    attention = replace(attention_of(f, d, n_heads=32), bias=bias, out_bias=bias)
    feed = mlp(d, f.integer("intermediate_size", default=11008), bias=f.flag("mlp_bias", default=False))
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, None))
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32000)


def mistral(f: Fields) -> Body:
    """MistralForCausalLM: every layer slides unless sliding_window is null."""
    d = f.integer("hidden_size", default=4096)
    feed = mlp(d, f.integer("intermediate_size", default=14336))
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, 4096))
    attention = attention_of(f, d, n_heads=32, n_kv=8)
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32000)


def mixtral(f: Fields) -> Body:
    """MixtralForCausalLM."""
    d = f.integer("hidden_size", default=4096)
    feed = Experts(
        d_model=d,
        n_experts=f.renamed("num_local_experts", "num_experts", default=8),
        per_token=f.integer("num_experts_per_tok", default=2),
        d_mlp=f.integer("intermediate_size", default=14336),
    ).block
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, None))
    attention = attention_of(f, d, n_heads=32, n_kv=8)
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32000)


def _qwen_kinds(f: Fields, n_layers: int) -> tuple[tuple[str, ...], int | None]:
    """Layers from max_window_layers on slide, if use_sliding_window says so."""
    sliding = f.flag("use_sliding_window", default=False)
    window = f.optional("sliding_window", default=4096) if sliding else None
    first = f.integer("max_window_layers", default=28, least=0)

    def kind(i: int) -> str:
        return "full_attention" if window is None or i < first else "sliding_attention"

    return f.layer_types(default_layers=n_layers, default=kind), window


def qwen2(f: Fields) -> Body:
    """Qwen2ForCausalLM: biases on queries, keys and values."""
    d = f.integer("hidden_size", default=4096)
    feed = mlp(d, f.integer("intermediate_size", default=22016))
    kinds, window = _qwen_kinds(f, 32)
    attention = replace(attention_of(f, d, n_heads=32, n_kv=32), bias=True)
    layers = attention_stack(f, kinds, attention, window=window, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=151936)


def qwen3(f: Fields) -> Body:
    """Qwen3ForCausalLM: norms on queries and keys."""
    d = f.integer("hidden_size", default=4096)
    feed = mlp(d, f.integer("intermediate_size", default=22016))
    kinds, window = _qwen_kinds(f, 32)
    attention = normed_heads(f, attention_of(f, d, n_heads=32, n_kv=32, d_head=128))
    layers = attention_stack(f, kinds, attention, window=window, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=151936)


def qwen3_moe(f: Fields) -> Body:
    """Qwen3MoeForCausalLM: experts in every decoder_sparse_step-th layer; all layers slide or none."""
    d = f.integer("hidden_size", default=2048)
    dense = mlp(d, f.integer("intermediate_size", default=6144))
    sparse = Experts(
        d_model=d,
        n_experts=f.renamed("num_experts", "num_local_experts", default=128),
        per_token=f.integer("num_experts_per_tok", default=8),
        d_mlp=f.integer("moe_intermediate_size", default=768),
    ).block
    step = f.integer("decoder_sparse_step", default=1)
    window = (
        f.optional("sliding_window", default=4096) if f.flag("use_sliding_window", default=False) else None
    )
    kind = "full_attention" if window is None else "sliding_attention"
    kinds = f.layer_types(default_layers=24, default=lambda _: kind)
    only_dense = f.indices("mlp_only_layers", len(kinds)) or ()
    attention = normed_heads(f, attention_of(f, d, n_heads=32, n_kv=4))

    def others(i: int) -> tuple[Block, ...]:
        return (dense if i in only_dense or (i + 1) % step else sparse, norm(d, 2))

    layers = attention_stack(f, kinds, attention, window=window, others=others)
    return decoder(f, layers, d_model=d, vocab_size=151936)


def gemma2(f: Fields) -> Body:
    """Gemma2ForCausalLM: every other layer slides, from the first on."""
    return _gemma(f, every=2, d_head=256, normed=False, vocab_size=256000)


def gemma3_text(f: Fields) -> Body:
    """Gemma3ForCausalLM: sliding_window_pattern - 1 sliding layers, then a full one."""
    every = f.integer("sliding_window_pattern", "_sliding_window_pattern", default=6)
    return _gemma(f, every=every, d_head=256, normed=True, vocab_size=262208)


def _gemma(f: Fields, *, every: int, d_head: int, normed: bool, vocab_size: int) -> Body:
    d = f.integer("hidden_size", default=2304)
    feed = mlp(d, f.integer("intermediate_size", default=9216))
    kinds = f.layer_types(
        default_layers=26, default=lambda i: "sliding_attention" if (i + 1) % every else "full_attention"
    )
    bias = f.flag("attention_bias", default=False)
    attention = replace(attention_of(f, d, n_heads=8, n_kv=4, d_head=d_head), bias=bias, out_bias=bias)
    attention = replace(attention, extra=2 * attention.d_head if normed else 0)
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d, 4)))
    return decoder(f, layers, d_model=d, vocab_size=vocab_size, tied=True)


def normed_heads(f: Fields, attention: Attention) -> Attention:
    """With a norm for queries and one for keys, over the width of a head."""
    bias = f.flag("attention_bias", default=False)
    return replace(attention, bias=bias, out_bias=bias, extra=2 * attention.d_head)


def gpt_oss(f: Fields) -> Body:
    """GptOssForCausalLM: sliding and full layers in turn, one sink for each head, biases throughout."""
    d = f.integer("hidden_size", default=2880)
    feed = Experts(
        d_model=d,
        n_experts=f.renamed("num_local_experts", "num_experts", default=128),
        per_token=f.integer("num_experts_per_tok", default=4),
        d_mlp=f.integer("intermediate_size", default=2880),
        bias=True,
        router_bias=True,
    ).block
    kinds = f.layer_types(
        default_layers=36, default=lambda i: "full_attention" if i % 2 else "sliding_attention"
    )
    bias = f.flag("attention_bias", default=True)
    attention = attention_of(f, d, n_heads=64, n_kv=8, d_head=64)
    attention = replace(attention, bias=bias, out_bias=bias, extra=attention.n_heads)
    layers = attention_stack(f, kinds, attention, window=128, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=201088)


def gpt_neox(f: Fields) -> Body:
    """GPTNeoXForCausalLM: the block of plait's own TF layer."""
    d = f.integer("hidden_size", default=6144)
    n = f.integer("num_attention_heads", default=64)
    if d % n:
        raise f.refuse(f"num_attention_heads must divide hidden_size = {d}, got {n}")
    bias = f.flag("attention_bias", default=True)
    feed = mlp(d, f.integer("intermediate_size", default=24576), gated=False, bias=True)
    attention = Attention(d_model=d, n_heads=n, n_kv=n, d_head=d // n, bias=bias, out_bias=bias)
    kinds = f.layer_types(default_layers=44, default=slides_if_set(f, None))
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2, bias=True)))
    vocab_size = f.integer("vocab_size", default=50432)
    outside = around(d, vocab_size, tied=f.flag("tie_word_embeddings", default=False), norm_bias=True)
    return Body(d_model=d, vocab_size=vocab_size, layers=layers, outside=outside)
