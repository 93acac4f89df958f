"""Families of `transformers` whose token mixer can stand in a pattern as `hf:NAME`: its class, and how it is made.

The arguments of its config follow the layer's dimensions; those whose names stand in a row are options of the layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from plait.layers.mixer import fewest_heads
from plait.layers.spec import LayerSpec

Arguments: TypeAlias = dict[str, Any]

_PLAIN, PLACED, UNPLACED, ROTARY = "plain", "placed", "unplaced", "rotary"
"""How a mixer is called: with hidden states alone, with their places, with None for positions and mask, or with rotary
angles and a mask."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Attributes:
    mixer: name of the class in `transformers.models.FAMILY.modeling_FAMILY`.
    prefix: of the names of the family's config and of its pretrained model.
    arguments: of the config, from the dimensions; each may be set as an option.
    called: one of the ways above.
    fixed: further arguments, which are no options.
    """

    mixer: str
    prefix: str
    arguments: Callable[[LayerSpec], Arguments]
    called: str = _PLAIN
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])


def probe() -> LayerSpec:
    """Dimensions of no matter, to ask a row for the names of its arguments."""
    return LayerSpec(
        d_model=1, window=None, d_state=1, d_inner=1, dt_rank=1, d_conv=1, n_heads=1, rotary_fraction=1.0,
        rotary_base=1e4, d_mlp=1, dropout=0.0, norm_eps=1e-5, init="paper", index=0,
    )  # fmt: skip


def _expand(spec: LayerSpec) -> int:
    """Raises:
    ValueError: channels that are no multiple of the width, which these classes do not have.
    """
    if spec.d_inner % spec.d_model:
        raise ValueError(f"d_inner must be a multiple of d_model, got {spec.d_inner} and {spec.d_model}")
    return spec.d_inner // spec.d_model


def _mamba(spec: LayerSpec) -> Arguments:
    return {
        "state_size": spec.d_state,
        "expand": _expand(spec),
        "conv_kernel": spec.d_conv,
        "time_step_rank": spec.dt_rank,
    }


def _jamba(spec: LayerSpec) -> Arguments:
    names = ("mamba_d_state", "mamba_expand", "mamba_d_conv", "mamba_dt_rank")
    return dict(zip(names, _mamba(spec).values(), strict=True))


def _mamba2(names: tuple[str, str, str, str, str, str, str]) -> Callable[[LayerSpec], Arguments]:
    """By the family's names of states, expansion, taps, heads, a head's width, groups and chunk."""

    def arguments(spec: LayerSpec) -> Arguments:
        heads = fewest_heads(spec.d_inner, widest=16)
        values = (spec.d_state, _expand(spec), spec.d_conv, heads, spec.d_inner // heads, 1, 64)
        return dict(zip(names, values, strict=True))

    return arguments


def _falcon_h1(spec: LayerSpec) -> Arguments:
    found = _mamba2(_BAMBA)(spec)
    return found | {"mamba_d_ssm": spec.d_inner}


def _delta(spec: LayerSpec) -> Arguments:
    heads = fewest_heads(spec.d_model, widest=128)
    return {
        "linear_num_key_heads": heads,
        "linear_num_value_heads": heads,
        "linear_key_head_dim": spec.d_model // heads,
        "linear_value_head_dim": 2 * spec.d_model // heads,
        "linear_conv_kernel_dim": spec.d_conv,
    }


def _kimi(spec: LayerSpec) -> Arguments:
    heads = fewest_heads(spec.d_model, widest=128)
    return {
        "linear_num_heads": heads,
        "linear_head_dim": spec.d_model // heads,
        "linear_conv_kernel_dim": spec.d_conv,
    }


def _recurrent_gemma(spec: LayerSpec) -> Arguments:
    heads = fewest_heads(spec.d_model, widest=16)
    return {"lru_width": spec.d_model, "num_attention_heads": heads, "conv1d_width": spec.d_conv}


def _attention(spec: LayerSpec) -> Arguments:
    heads = {"num_attention_heads": spec.n_heads, "num_key_value_heads": spec.n_heads}
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": spec.rotary_base}}
    return heads | {"head_dim": spec.d_head, "attention_bias": False} | rope


def _lightning(spec: LayerSpec) -> Arguments:
    return {"num_attention_heads": spec.n_heads, "head_dim": spec.d_head, "block_size": 64}


_BAMBA = (
    "mamba_d_state",
    "mamba_expand",
    "mamba_d_conv",
    "mamba_n_heads",
    "mamba_d_head",
    "mamba_n_groups",
    "mamba_chunk_size",
)
_ONE_LINEAR = MappingProxyType(
    {"num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"]}
)
_ATTENDING = MappingProxyType({"num_attention_heads": 1, "num_key_value_heads": 1})

MIXER_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "mamba": Family(mixer="MambaMixer", prefix="Mamba", arguments=_mamba),
        "jamba": Family(
            mixer="JambaMambaMixer",
            prefix="Jamba",
            arguments=_jamba,
            fixed=_ATTENDING | {"use_mamba_kernels": False},
        ),
        "mamba2": Family(
            mixer="Mamba2Mixer",
            prefix="Mamba2",
            arguments=_mamba2(
                ("state_size", "expand", "conv_kernel", "num_heads", "head_dim", "n_groups", "chunk_size")
            ),
        ),
        "bamba": Family(mixer="BambaMixer", prefix="Bamba", arguments=_mamba2(_BAMBA), fixed=_ATTENDING),
        "granitemoehybrid": Family(
            mixer="GraniteMoeHybridMambaLayer",
            prefix="GraniteMoeHybrid",
            arguments=_mamba2(_BAMBA),
            fixed=_ATTENDING,
        ),
        "falcon_h1": Family(mixer="FalconH1Mixer", prefix="FalconH1", arguments=_falcon_h1, fixed=_ATTENDING),
        "nemotron_h": Family(
            mixer="NemotronHMamba2Mixer",
            prefix="NemotronH",
            arguments=_mamba2(
                (
                    "ssm_state_size",
                    "expand",
                    "conv_kernel",
                    "mamba_num_heads",
                    "mamba_head_dim",
                    "n_groups",
                    "chunk_size",
                )
            ),
            fixed=_ATTENDING | {"use_mamba_kernels": False},
        ),
        "zamba2": Family(
            mixer="Zamba2MambaMixer",
            prefix="Zamba2",
            arguments=_mamba2(
                (
                    "mamba_d_state",
                    "mamba_expand",
                    "mamba_d_conv",
                    "n_mamba_heads",
                    "mamba_headdim",
                    "mamba_ngroups",
                    "chunk_size",
                )
            ),
            fixed=_ATTENDING | {"use_mamba_kernels": False, "layers_block_type": ["mamba"]},
        ),
        "qwen3_next": Family(
            mixer="Qwen3NextGatedDeltaNet", prefix="Qwen3Next", arguments=_delta, fixed=_ONE_LINEAR
        ),
        "olmo_hybrid": Family(
            mixer="OlmoHybridGatedDeltaNet",
            prefix="OlmoHybrid",
            arguments=_delta,
            fixed=_ONE_LINEAR | _ATTENDING,
        ),
        "kimi_linear": Family(
            mixer="KimiLinearDeltaAttention", prefix="KimiLinear", arguments=_kimi, fixed=_ONE_LINEAR
        ),
        "recurrent_gemma": Family(
            mixer="RecurrentGemmaRecurrentBlock",
            prefix="RecurrentGemma",
            arguments=_recurrent_gemma,
            called=PLACED,
        ),
        "minimax": Family(
            mixer="MiniMaxLightningAttention",
            prefix="MiniMax",
            arguments=_lightning,
            called=UNPLACED,
            fixed={"num_hidden_layers": 1, "layer_types": ["linear_attention"]},
        ),
        "lfm2": Family(
            mixer="Lfm2ShortConv",
            prefix="Lfm2",
            arguments=lambda spec: {"conv_L_cache": spec.d_conv},
            fixed={"conv_bias": False, "num_hidden_layers": 1, "layer_types": ["conv"]},
        ),
        "llama": Family(
            mixer="LlamaAttention",
            prefix="Llama",
            arguments=_attention,
            called=ROTARY,
            fixed={"num_hidden_layers": 1},
        ),
        "qwen3": Family(
            mixer="Qwen3Attention",
            prefix="Qwen3",
            arguments=_attention,
            called=ROTARY,
            fixed={"num_hidden_layers": 1, "layer_types": ["full_attention"]},
        ),
    }
)
"""By `model_type`."""
