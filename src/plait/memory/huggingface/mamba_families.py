"""Families built of Mamba-1 or Mamba-2 layers, pure or beside attention."""

from dataclasses import replace
from math import ceil

from plait.memory.block import Block, Layer, norm
from plait.memory.huggingface.blocks import Attention, Body, Experts, attention_of, decoder, mlp
from plait.memory.huggingface.fields import Fields, shown
from plait.memory.huggingface.mixers import Mamba1, Mamba2


def mamba(f: Fields) -> Body:
    """MambaForCausalLM and FalconMambaForCausalLM (whose norms of dt, B and C have no weights).

    A file that names intermediate_size means it, whatever expand says (Falcon Mamba 7B: 8192 beside expand 16).
    """
    d = f.integer("hidden_size", default=768)
    mixer = Mamba1(
        d_model=d,
        d_inner=f.integer("intermediate_size", default=int(f.number("expand", default=2) * d)),
        d_state=f.integer("state_size", default=16),
        d_conv=f.integer("conv_kernel", default=4),
        dt_rank=f.auto("time_step_rank", default=ceil(d / 16)),
        conv_bias=f.flag("use_conv_bias", default=True),
        bias=f.flag("use_bias", default=False),
    ).block
    layer = Layer(kind="linear_attention", blocks=(mixer, norm(d)))
    f.accept("d_model", d)
    f.accept("n_layer", f.n_layers(32))
    f.accept("d_inner", mixer.recurrent // f.integer("state_size", default=16))
    f.accept("rms_norm", True)
    f.ignore("fused_add_norm", "pad_vocab_size_multiple")
    return decoder(f, (layer,) * f.n_layers(32), d_model=d, vocab_size=50280, tied=True)


def mamba2(f: Fields) -> Body:
    """Mamba2ForCausalLM."""
    d = f.integer("hidden_size", default=4096)
    bias = f.flag("use_bias", default=False)
    mixer = Mamba2(
        d_model=d,
        n_heads=f.integer("num_heads", default=128),
        d_head=f.integer("head_dim", default=64),
        d_state=f.integer("state_size", default=128),
        n_groups=f.integer("n_groups", default=8),
        d_conv=f.integer("conv_kernel", default=4),
        conv_bias=f.flag("use_conv_bias", default=True),
        bias=bias,
        out_bias=bias,
    )
    inner = f.number("expand", default=2) * d
    if mixer.n_heads * mixer.d_head != inner:
        raise f.refuse(
            f"num_heads * head_dim must be expand * hidden_size = {inner}, got {mixer.n_heads * mixer.d_head}"
        )
    layer = Layer(kind="linear_attention", blocks=(mixer.block, norm(d)))
    f.accept("rms_norm", True)
    f.ignore("norm_before_gate")
    return decoder(f, (layer,) * f.n_layers(64), d_model=d, vocab_size=32768)


def jamba(f: Fields) -> Body:
    """JambaForCausalLM: attention and experts each at their own period and offset."""
    d = f.integer("hidden_size", default=4096)
    n = f.n_layers(32)
    mixer = Mamba1(
        d_model=d,
        d_inner=f.integer("mamba_expand", default=2) * d,
        d_state=f.integer("mamba_d_state", default=16),
        d_conv=f.integer("mamba_d_conv", default=4),
        dt_rank=f.auto("mamba_dt_rank", default=ceil(d / 16)),
        conv_bias=f.flag("mamba_conv_bias", default=True),
        bias=f.flag("mamba_proj_bias", default=False),
        inner_norms=True,
    ).block
    n_heads, n_kv = f.heads(default=32, default_kv=8)
    attention = Attention(d_model=d, n_heads=n_heads, n_kv=n_kv, d_head=d // n_heads).block
    units, n_experts = (
        f.integer("intermediate_size", default=14336),
        f.renamed("num_experts", "num_local_experts", default=16),
    )
    per_token = f.integer("num_experts_per_tok", default=2)
    sparse = Experts(d_model=d, n_experts=n_experts, per_token=per_token, d_mlp=units).block
    f.accept("mamba_inner_layernorms", True)
    attends = _periodic(f, "attn_layer", default=(8, 4))
    routes = _periodic(f, "expert_layer", default=(2, 1))
    return decoder(
        f,
        tuple(
            Layer(
                kind="full_attention" if i % attends[0] == attends[1] else "linear_attention",
                blocks=(
                    attention if i % attends[0] == attends[1] else mixer,
                    sparse if i % routes[0] == routes[1] and n_experts > 1 else mlp(d, units),
                    norm(d, 2),
                ),
            )
            for i in range(n)
        ),
        d_model=d,
        vocab_size=65536,
    )


def _periodic(f: Fields, name: str, *, default: tuple[int, int]) -> tuple[int, int]:
    """(period, offset) of the layers of one kind.

    Raises:
        ValueError: an offset that is not below its period.
    """
    period = f.integer(f"{name}_period", default=default[0])
    offset = f.integer(f"{name}_offset", default=default[1], least=0)
    if offset >= period:
        raise f.refuse(f"{name}_offset must be below {name}_period = {period}, got {offset}")
    return period, offset


def _mamba2_of(f: Fields, d: int, *, inner: int | None = None) -> Mamba2:
    """The mamba_* fields that Bamba, Granite and Falcon-H1 share.

    Args:
        inner: the inner width, if it is not mamba_expand * hidden_size.

    Raises:
        ValueError: mamba_n_heads * mamba_d_head is not the inner width.
    """
    inner = f.integer("mamba_expand", default=2) * d if inner is None else inner
    n = f.integer("mamba_n_heads", default=128)
    mixer = Mamba2(
        d_model=d,
        n_heads=n,
        d_head=f.auto("mamba_d_head", default=max(inner // n, 1)),
        d_state=f.integer("mamba_d_state", default=256),
        n_groups=f.integer("mamba_n_groups", default=1),
        d_conv=f.integer("mamba_d_conv", default=4),
        conv_bias=f.flag("mamba_conv_bias", default=True),
        bias=f.flag("mamba_proj_bias", default=False),
        out_bias=f.flag("mamba_proj_bias", default=False),
    )
    if n * mixer.d_head != inner:
        raise f.refuse(f"mamba_n_heads * mamba_d_head must be {inner}, got {n} * {mixer.d_head}")
    return mixer


def bamba(f: Fields) -> Body:
    """BambaForCausalLM: attention in the layers of attn_layer_indices."""
    d, n = f.integer("hidden_size", default=4096), f.n_layers(32)
    mixer = _mamba2_of(f, d).block
    n_heads, n_kv = f.heads(default=32, default_kv=8)
    bias = f.flag("attention_bias", default=False)
    attention = Attention(
        d_model=d, n_heads=n_heads, n_kv=n_kv, d_head=f.d_head(d, n_heads), bias=bias, out_bias=bias
    ).block
    feed = mlp(d, f.integer("intermediate_size", default=14336), bias=f.flag("mlp_bias", default=False))
    attends = f.indices("attn_layer_indices", n) or ()
    layers = tuple(
        Layer(
            kind="full_attention" if i in attends else "linear_attention",
            blocks=(attention if i in attends else mixer, feed, norm(d, 2)),
        )
        for i in range(n)
    )
    return decoder(f, layers, d_model=d, vocab_size=128000)


def granitemoehybrid(f: Fields) -> Body:
    """GraniteMoeHybridForCausalLM: a shared feed-forward part in every layer, beside any experts."""
    d = f.integer("hidden_size", default=4096)
    mixer = _mamba2_of(f, d).block
    bias = f.flag("attention_bias", default=False)
    attention = replace(attention_of(f, d, n_heads=32), bias=bias, out_bias=bias).block
    n_experts = f.integer("num_local_experts", default=8, least=0)
    feed = [mlp(d, f.integer("shared_intermediate_size", default=1024))]
    if n_experts:
        per_token = f.integer("num_experts_per_tok", default=2)
        units = f.integer("intermediate_size", default=11008)
        feed.append(Experts(d_model=d, n_experts=n_experts, per_token=per_token, d_mlp=units).block)
    kinds = f.layer_types(
        default_layers=32, default=lambda _: "linear_attention", names=("layer_types", "layers_block_type")
    )
    layers = tuple(
        Layer(kind=kind, blocks=(attention if kind == "full_attention" else mixer, *feed, norm(d, 2)))
        for kind in kinds
    )
    return decoder(f, layers, d_model=d, vocab_size=32000)


def falcon_h1(f: Fields) -> Body:
    """FalconH1ForCausalLM: every layer has attention and Mamba-2 side by side."""
    d = f.integer("hidden_size", default=4096)
    inner = f.optional("mamba_d_ssm", default=1024)
    mixer = replace(
        _mamba2_of(f, d, inner=inner),
        out_bias=f.flag("projectors_bias", default=False),
        gated_norm=f.flag("mamba_rms_norm", default=False),
    ).block
    bias = f.flag("attention_bias", default=False)
    attention = replace(attention_of(f, d, n_heads=32, n_kv=8), bias=bias, out_bias=bias).block
    feed = mlp(d, f.integer("intermediate_size", default=14336), bias=f.flag("mlp_bias", default=False))
    layer = Layer(kind="hybrid", blocks=(attention, mixer, feed, norm(d, 2)))
    f.accept("mamba_use_mlp", True)
    f.ignore("mamba_expand", "mlp_expansion_factor")
    return decoder(f, (layer,) * f.n_layers(32), d_model=d, vocab_size=128000)


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
