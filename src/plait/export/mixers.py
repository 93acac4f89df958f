"""Drawn mixers whose weights classes of `transformers` take name by name.

Mamba2Block is a layer as it stands; the others are mixers, and around them stand RMSNorm and residual. In the way that
`tests/layers/test_mixers_against_transformers.py` holds outputs and gradients of both against each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor, nn

from plait.kernels.common.plain import rms_norm
from plait.layers import LayerSpec
from plait.layers.delta_rule import GDN
from plait.layers.gated import MLP, ShortConv
from plait.layers.keys import KeySizes
from plait.layers.linear_attention import Mamba2
from plait.layers.mixer import fewest_heads, read_options


@dataclass(frozen=True, kw_only=True)
class Taker:
    """A class of `transformers` that takes a mixer's weights.

    Attributes:
        module, block, config: where it lies, its name, and that of its config.
        arguments: of the config.
        is_layer: whether it brings norm and residual.
        placed: whether its constructor takes the place of the layer.
    """

    module: str
    block: str
    config: str
    arguments: Callable[[LayerSpec], dict[str, Any]]
    is_layer: bool = False
    placed: bool = True


class Around(nn.Module):
    """RMSNorm and residual around a mixer, under the names of a plait layer."""

    def __init__(self, mixer: nn.Module, spec: LayerSpec) -> None:
        super().__init__()
        self.norm, self.mixer, self.eps = nn.Module(), mixer, spec.norm_eps
        self.norm.register_parameter("weight", nn.Parameter(torch.ones(spec.d_model)))

    def forward(self, hidden: Tensor) -> Tensor:
        weight = cast(Tensor, self.norm.weight)
        return hidden + self.mixer(rms_norm(hidden, weight, eps=self.eps))


def _mamba2(spec: LayerSpec) -> dict[str, Any]:
    mixer = read_options(Mamba2, "Mamba2", spec.options)
    heads = mixer.heads or fewest_heads(spec.d_inner, widest=16)
    if spec.d_inner % spec.d_model:
        raise ValueError(
            f"Mamba2Block has channels that are a multiple of its width, not {spec.d_inner} at {spec.d_model}"
        )
    return {
        "hidden_size": spec.d_model,
        "state_size": spec.d_state,
        "num_heads": heads,
        "head_dim": spec.d_inner // heads,
        "n_groups": mixer.groups,
        "conv_kernel": spec.d_conv,
        "expand": spec.d_inner // spec.d_model,
        "layer_norm_epsilon": spec.norm_eps,
        "residual_in_fp32": False,
        "chunk_size": 64,
        "num_hidden_layers": 1,
    }


def _gdn(spec: LayerSpec) -> dict[str, Any]:
    mixer = read_options(GDN, "GDN", spec.options)
    sizes = KeySizes.of(mixer, spec, values=2)
    return {
        "hidden_size": spec.d_model,
        "linear_num_value_heads": sizes.heads,
        "linear_num_key_heads": sizes.key_heads,
        "linear_key_head_dim": sizes.d_k,
        "linear_value_head_dim": sizes.d_v,
        "linear_conv_kernel_dim": spec.d_conv,
        "linear_allow_neg_eigval": mixer.beta_to == 2,
        "rms_norm_eps": 1e-5,
        "num_attention_heads": 1,
        "num_hidden_layers": 2,
        "layer_types": ["linear_attention", "full_attention"],
    }


def _short_conv(spec: LayerSpec) -> dict[str, Any]:
    taps = read_options(ShortConv, "ShortConv", spec.options).taps
    return {
        "hidden_size": spec.d_model,
        "conv_L_cache": taps,
        "conv_bias": False,
        "num_hidden_layers": 1,
        "layer_types": ["conv"],
    }


def _mlp(spec: LayerSpec) -> dict[str, Any]:
    mixer = read_options(MLP, "MLP", spec.options)
    if not mixer.gated:
        raise ValueError("LlamaMLP has a gate, and this MLP has none")
    return {
        "hidden_size": spec.d_model,
        "intermediate_size": mixer.units or spec.d_mlp,
        "num_attention_heads": 1,
        "hidden_act": "silu",
    }


TAKERS: Mapping[str, Taker] = MappingProxyType(
    {
        "Mamba2": Taker(
            module="transformers.models.mamba2.modeling_mamba2",
            block="Mamba2Block",
            config="Mamba2Config",
            arguments=_mamba2,
            is_layer=True,
        ),
        "GDN": Taker(
            module="transformers.models.olmo_hybrid.modeling_olmo_hybrid",
            block="OlmoHybridGatedDeltaNet",
            config="OlmoHybridConfig",
            arguments=_gdn,
        ),
        "ShortConv": Taker(
            module="transformers.models.lfm2.modeling_lfm2",
            block="Lfm2ShortConv",
            config="Lfm2Config",
            arguments=_short_conv,
        ),
        "MLP": Taker(
            module="transformers.models.llama.modeling_llama",
            block="LlamaMLP",
            config="LlamaConfig",
            arguments=_mlp,
            placed=False,
        ),
    }
)
"""By the name in a pattern."""


def mixer_block(name: str, spec: LayerSpec) -> nn.Module:
    """The class made for this layer, with norm and residual."""
    import importlib

    taker = TAKERS[name]
    config: Any = getattr(importlib.import_module("transformers"), taker.config)(**taker.arguments(spec))
    kind: Any = getattr(importlib.import_module(taker.module), taker.block)
    made = kind(config, 0) if taker.placed else kind(config)
    return made if taker.is_layer else Around(made, spec)
