"""Lara 4 Mini: the gated delta rule, sliding attention and full attention without positions, in a period of five."""

from dataclasses import replace

from plait.memory.block import norm
from plait.memory.huggingface.blocks import Experts, mlp
from plait.memory.huggingface.body import Body, attention_of, decoder, window_of
from plait.memory.huggingface.fields import Fields
from plait.memory.huggingface.linear_families import delta_of, stack_of
from plait.memory.huggingface.transformers_only import normed_heads

_PERIOD = ("linear_attention", "sliding_attention", "linear_attention", "full_attention", "sliding_attention")


def lara_mini(f: Fields) -> Body:
    """LaraMiniForCausalLM: routed experts in every layer, and a shared one without a gate."""
    d = f.integer("hidden_size", default=1024)
    plain = normed_heads(f, attention_of(f, d, n_heads=16, n_kv=4, d_head=128))
    kinds = f.layer_types(default_layers=34, default=lambda i: _PERIOD[i % len(_PERIOD)])
    mixers = {
        kind: replace(plain, window=window_of(f, kind, default=512)).block
        for kind in ("sliding_attention", "full_attention")
    }
    mixers["linear_attention"] = delta_of(f, d, n_keys=8, n_values=16)
    routed = Experts(
        d_model=d,
        n_experts=f.integer("num_experts", default=128),
        per_token=f.integer("num_experts_per_tok", default=4),
        d_mlp=f.integer("moe_intermediate_size", default=512),
    ).block
    shared = mlp(d, f.integer("shared_expert_intermediate_size", default=512))
    layers = stack_of(f, kinds, mixers, lambda _: (routed, shared, norm(d, 2)))
    return decoder(f, layers, d_model=d, vocab_size=151936, tied=True)
