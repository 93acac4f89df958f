"""More families of attention alone, each with one feed-forward part in every layer."""

from collections.abc import Callable
from dataclasses import replace

from plait.memory.block import norm
from plait.memory.huggingface.blocks import Attention, mlp
from plait.memory.huggingface.body import Body, attention_of, attention_stack, decoder, slides_if_set
from plait.memory.huggingface.fields import Fields


def _biased(f: Fields, attention: Attention) -> Attention:
    bias = f.flag("attention_bias", default=False)
    return replace(attention, bias=bias, out_bias=bias)


def _every(f: Fields, n: int) -> Callable[[int], str]:
    """n - 1 sliding layers, then a full one."""
    every = f.integer("sliding_window_pattern", default=n)
    return lambda i: "sliding_attention" if (i + 1) % every else "full_attention"


def gemma(f: Fields) -> Body:
    """GemmaForCausalLM."""
    d = f.integer("hidden_size", default=3072)
    attention = _biased(f, attention_of(f, d, n_heads=16, n_kv=16, d_head=256))
    feed = mlp(d, f.integer("intermediate_size", default=24576))
    kinds = f.layer_types(default_layers=28, default=slides_if_set(f, None))
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=256000, tied=True)


def smollm3(f: Fields) -> Body:
    """SmolLM3ForCausalLM: with use_sliding_window, every no_rope_layer_interval-th layer slides."""
    d = f.integer("hidden_size", default=2048)
    attention = _biased(f, attention_of(f, d, n_heads=16, n_kv=4))
    feed = mlp(d, f.integer("intermediate_size", default=11008), bias=f.flag("mlp_bias", default=False))
    sliding = f.flag("use_sliding_window", default=False) and f.get("sliding_window") is not None
    rotary = f.get("no_rope_layers")
    interval = f.integer("no_rope_layer_interval", default=4)

    def kind(i: int) -> str:
        turns = (i + 1) % interval if not isinstance(rotary, list) else i < len(rotary) and rotary[i]
        return "sliding_attention" if sliding and not turns else "full_attention"

    kinds = f.layer_types(default_layers=36, default=kind)
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=128256, tied=True)


def phi3(f: Fields) -> Body:
    """Phi3ForCausalLM: every layer slides if sliding_window is set."""
    d = f.integer("hidden_size", default=3072)
    feed = mlp(d, f.integer("intermediate_size", default=8192))
    kinds = f.layer_types(default_layers=32, default=slides_if_set(f, None))
    attention = attention_of(f, d, n_heads=32)
    layers = attention_stack(f, kinds, attention, window=None, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=32064)


def olmo3(f: Fields) -> Body:
    """Olmo3ForCausalLM: three sliding layers, then a full one; norms over all queries and all keys."""
    d = f.integer("hidden_size", default=4096)
    plain = _biased(f, attention_of(f, d, n_heads=32))
    attention = replace(plain, extra=plain.d_head * (plain.n_heads + plain.n_kv))
    feed = mlp(d, f.integer("intermediate_size", default=11008))
    kinds = f.layer_types(
        default_layers=32, default=lambda i: "sliding_attention" if (i + 1) % 4 else "full_attention"
    )
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=50304)


def cohere2(f: Fields) -> Body:
    """Cohere2ForCausalLM: attention and feed-forward side by side after one norm."""
    d = f.integer("hidden_size", default=8192)
    attention = _biased(f, attention_of(f, d, n_heads=64))
    feed = mlp(d, f.integer("intermediate_size", default=22528))
    kinds = f.layer_types(default_layers=40, default=_every(f, 4))
    layers = attention_stack(f, kinds, attention, window=4096, others=lambda _: (feed, norm(d)))
    return decoder(f, layers, d_model=d, vocab_size=256000, tied=True)
