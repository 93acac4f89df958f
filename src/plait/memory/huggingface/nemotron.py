"""Nemotron-H: a stack in which every layer is one part, Mamba-2, attention, feed-forward or experts."""

from dataclasses import replace

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Experts, mlp
from plait.memory.huggingface.body import Body, attention_of, decoder
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.mixers import Mamba2

_PATTERN = {"M": "linear_attention", "*": "full_attention", "-": "mlp", "E": "moe"}


def nemotron_h(f: Fields) -> Body:
    """NemotronHForCausalLM: every layer is one part; its number of layers is the length of the pattern.

    Its sliding_window changes no cache layer: only a layer of a sliding type would.
    """
    d = f.integer("hidden_size", default=4096)
    mixer = Mamba2(
        d_model=d,
        n_heads=f.integer("mamba_num_heads", default=128),
        d_head=f.integer("mamba_head_dim", default=64),
        d_state=f.integer("ssm_state_size", default=128),
        n_groups=f.integer("n_groups", "mamba_n_groups", default=8),
        d_conv=f.integer("conv_kernel", "mamba_d_conv", default=4),
        conv_bias=f.flag("use_conv_bias", "mamba_conv_bias", default=True),
        bias=f.flag("use_bias", default=False),
        out_bias=f.flag("use_bias", default=False),
    ).block
    bias = f.flag("mlp_bias", default=False)
    f.accept("attention_head_dim", f.integer("head_dim", default=128))
    f.ignore("num_hidden_layers", "sliding_window")
    parts: dict[str, tuple[Block, ...]] = {
        "linear_attention": (mixer,),
        "full_attention": (attention_of(f, d, n_heads=32, n_kv=8, d_head=128).block,),
        "mlp": (mlp(d, f.integer("intermediate_size", default=21504), gated=False, bias=bias),),
        "moe": _experts(f, d, bias=bias),
    }
    layers = tuple(Layer(kind=kind, blocks=(*parts[kind], norm(d))) for kind in _kinds(f))
    return decoder(f, layers, d_model=d, vocab_size=131072, tied=None)


def _kinds(f: Fields) -> tuple[str, ...]:
    pattern = f.get("hybrid_override_pattern")
    named = f.get("layers_block_type", "layer_types")
    if named is None and pattern is not None:
        if not isinstance(pattern, str) or not pattern or set(pattern) - set(_PATTERN):
            raise f.refuse(f"hybrid_override_pattern must be a string of M * - E, got {shown(pattern)}")
        return tuple(_PATTERN[c] for c in pattern)
    default = ["linear_attention", "moe", "full_attention", "mlp"]
    free = Fields({"layer_types": default if named is None else named}, f.model_type)
    kinds = free.layer_types(default_layers=4, default=str)
    if unknown := sorted(set(kinds) - set(_PATTERN.values())):
        raise f.refuse(f"layers_block_type must use {', '.join(_PATTERN.values())}, got {shown(unknown[0])}")
    return kinds


def _experts(f: Fields, d: int, *, bias: bool) -> tuple[Block, Block]:
    """Routed experts, at a latent width if there is one, and the one shared expert."""
    latent = f.optional("moe_latent_size", default=None)
    routed = Experts(
        d_model=d,
        n_experts=f.renamed("n_routed_experts", "num_local_experts", default=8),
        per_token=f.integer("num_experts_per_tok", default=2),
        d_mlp=f.integer("moe_intermediate_size", default=7688),
        gated=False,
        latent=latent,
    ).block
    if latent and bias:
        routed = replace(routed, weights=routed.weights + latent + d)
    shared = f.integer("moe_shared_expert_intermediate_size", default=7688)
    return routed, mlp(d, shared, gated=False, bias=bias)
