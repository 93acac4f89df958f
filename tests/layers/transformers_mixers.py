"""Mixers and their counterparts in `transformers`, with how our weights become theirs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from plait.layers.spec import LayerSpec

Weights = dict[str, Tensor]


class Theirs(NamedTuple):
    """A module of theirs, our weights under its names, and what of its own weights we do not have."""

    module: nn.Module
    named: Callable[[Weights], Weights]
    fixed: Mapping[str, Tensor] = MappingProxyType({})


class Residual(nn.Module):
    """What stands around a mixer: their RMSNorm and the residual."""

    def __init__(
        self,
        spec: LayerSpec,
        mixer: nn.Module,
        given: Callable[[Tensor], tuple[Any, ...]] = lambda hidden: (),
    ) -> None:
        from transformers.models.olmo_hybrid.modeling_olmo_hybrid import OlmoHybridRMSNorm

        super().__init__()
        self.norm, self.mixer, self.given = OlmoHybridRMSNorm(spec.d_model, eps=spec.norm_eps), mixer, given

    def forward(self, hidden: Tensor) -> Tensor:
        found = self.mixer(self.norm(hidden), *self.given(hidden))
        return hidden + (found[0] if isinstance(found, tuple) else found)


def mamba2(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Block

    heads = options.get("heads", 2)
    config = Mamba2Config(
        hidden_size=spec.d_model, state_size=spec.d_state, num_heads=heads, head_dim=spec.d_inner // heads,
        n_groups=options.get("groups", 1), conv_kernel=spec.d_conv, expand=spec.d_inner // spec.d_model,
        layer_norm_epsilon=spec.norm_eps, chunk_size=16, num_hidden_layers=1,
    )  # fmt: skip
    block = Mamba2Block(config, layer_idx=0)
    return Theirs(block, lambda w: w)


def olmo_hybrid(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import OlmoHybridConfig
    from transformers.models.olmo_hybrid.modeling_olmo_hybrid import OlmoHybridGatedDeltaNet

    heads = options.get("heads", 1)
    config = OlmoHybridConfig(
        hidden_size=spec.d_model, linear_num_value_heads=heads, linear_num_key_heads=options.get("key_heads", heads),
        linear_key_head_dim=options.get("d_k", spec.d_model // heads),
        linear_value_head_dim=options.get("d_v", 2 * spec.d_model // heads), linear_conv_kernel_dim=spec.d_conv,
        linear_allow_neg_eigval=options.get("beta_to", 1) == 2, num_hidden_layers=2, num_attention_heads=1,
        layer_types=["linear_attention", "full_attention"], rms_norm_eps=spec.norm_eps,
    )  # fmt: skip
    block = Residual(spec, OlmoHybridGatedDeltaNet(config, 0))
    return Theirs(block, lambda w: w)


def qwen3_next(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    """Its projections are one, by groups of heads."""
    from transformers import Qwen3NextConfig
    from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextGatedDeltaNet

    heads = options.get("heads", 1)
    groups = options.get("key_heads", heads)
    config = Qwen3NextConfig(
        hidden_size=spec.d_model, linear_num_value_heads=heads, linear_num_key_heads=groups,
        linear_key_head_dim=options.get("d_k", spec.d_model // heads),
        linear_value_head_dim=options.get("d_v", 2 * spec.d_model // heads), linear_conv_kernel_dim=spec.d_conv,
        num_hidden_layers=2, rms_norm_eps=1e-5, layer_types=["linear_attention", "full_attention"],
    )  # fmt: skip
    block = Residual(spec, Qwen3NextGatedDeltaNet(config, 0))

    def interleaved(weights: Weights, *names: str) -> Tensor:
        parts = [weights[f"mixer.{name}_proj.weight"].unflatten(0, (groups, -1)) for name in names]
        return torch.cat(parts, dim=1).flatten(0, 1)

    def named(weights: Weights) -> Weights:
        kept = ("norm.weight", "mixer.A_log", "mixer.dt_bias", "mixer.conv1d.weight")
        return {name: weights[name] for name in kept} | {
            "mixer.in_proj_qkvz.weight": interleaved(weights, "q", "k", "v", "g"),
            "mixer.in_proj_ba.weight": interleaved(weights, "b", "a"),
            "mixer.norm.weight": weights["mixer.o_norm.weight"],
            "mixer.out_proj.weight": weights["mixer.o_proj.weight"],
        }

    return Theirs(block, named)


def delta_net(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    """Gated DeltaNet whose state keeps everything: a rate of e^-80."""
    gated = olmo_hybrid(spec, {"d_v": spec.d_model // options.get("heads", 1)} | options)
    state = gated.module.state_dict()
    fixed = {
        f"mixer.{name}": torch.zeros_like(state[f"mixer.{name}"]) for name in ("a_proj.weight", "dt_bias")
    }
    return Theirs(
        gated.module, lambda w: w, fixed | {"mixer.A_log": torch.full_like(state["mixer.A_log"], -80.0)}
    )


def kimi_linear(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import KimiLinearConfig
    from transformers.models.kimi_linear.modeling_kimi_linear import KimiLinearDeltaAttention

    heads = options.get("heads", 1)
    config = KimiLinearConfig(
        hidden_size=spec.d_model, linear_num_heads=heads, linear_head_dim=options.get("d_k", spec.d_model // heads),
        linear_conv_kernel_dim=spec.d_conv, rms_norm_eps=1e-5, num_hidden_layers=2,
        layer_types=["linear_attention", "full_attention"],
    )  # fmt: skip

    def named(weights: Weights) -> Weights:
        gate = "mixer.forget_gate.A_log"
        return weights | {gate: weights[gate].view(1, 1, -1, 1)}

    return Theirs(Residual(spec, KimiLinearDeltaAttention(config, 0)), named)


def minimax(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    """Its rates are fixed by its place; here they are those of the case."""
    from transformers import MiniMaxConfig
    from transformers.models.minimax.modeling_minimax import MiniMaxLightningAttention

    heads = options["heads"]
    config = MiniMaxConfig(
        hidden_size=spec.d_model, num_attention_heads=heads, head_dim=spec.d_model // heads, block_size=16,
        num_hidden_layers=1, layer_types=["linear_attention"], hidden_act="silu",
    )  # fmt: skip
    attention = MiniMaxLightningAttention(config, 0)
    rates = torch.tensor(options["decay"]).log().neg().view(-1, 1, 1)
    attention.slope_rate = rates
    attention.query_decay, attention.key_decay, attention.diagonal_decay = attention.decay_factors(rates)

    def named(weights: Weights) -> Weights:
        own = [weights[f"mixer.{name}_proj.weight"].unflatten(0, (heads, -1)) for name in "qkv"]
        kept = ("norm.weight", "mixer.norm.weight", "mixer.output_gate.weight", "mixer.out_proj.weight")
        fused = {"mixer.qkv_proj.weight": torch.cat(own, dim=1).flatten(0, 1)}
        return {name: weights[name] for name in kept} | fused

    return Theirs(Residual(spec, attention, lambda hidden: (None, None)), named)


def xlstm(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import xLSTMConfig
    from transformers.models.xlstm.modeling_xlstm import xLSTMLayer

    config = xLSTMConfig(
        hidden_size=spec.d_model, num_heads=options.get("heads", 1), qk_dim_factor=0.5, v_dim_factor=1.0,
        weight_mode="single", chunk_size=10, mode="train", return_last_states=True, num_hidden_layers=1,
        autocast_kernel_dtype="float32", gate_soft_cap=15.0, norm_eps=1e-6,
    )  # fmt: skip
    return Theirs(Residual(spec, xLSTMLayer(config)), lambda w: w)


def recurrent_gemma(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import RecurrentGemmaConfig
    from transformers.models.recurrent_gemma.modeling_recurrent_gemma import RecurrentGemmaRecurrentBlock

    heads = options.get("heads", 1)
    config = RecurrentGemmaConfig(
        hidden_size=spec.d_model, lru_width=options.get("width", spec.d_model), num_attention_heads=heads,
        conv1d_width=spec.d_conv, hidden_activation="gelu_pytorch_tanh", num_hidden_layers=1,
    )  # fmt: skip

    def given(hidden: Tensor) -> tuple[Any, ...]:
        return torch.arange(hidden.shape[1]).expand(len(hidden), -1), None, False

    def named(weights: Weights) -> Weights:
        found = {name: weight for name, weight in weights.items() if "_gate." not in name}
        for gate in ("input_gate", "recurrent_gate"):
            own = [
                (weights[f"mixer.rg_lru.{gate}.{h}.{part}"])
                for part in ("weight", "bias")
                for h in range(heads)
            ]
            found[f"mixer.rg_lru.{gate}_weight"] = torch.stack([weight.T for weight in own[:heads]])
            found[f"mixer.rg_lru.{gate}_bias"] = torch.stack(own[heads:])
        return found

    return Theirs(Residual(spec, RecurrentGemmaRecurrentBlock(config, 0), given), named)


def lfm2(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import Lfm2Config
    from transformers.models.lfm2.modeling_lfm2 import Lfm2ShortConv

    config = Lfm2Config(
        hidden_size=spec.d_model, conv_L_cache=options.get("taps", 3), conv_bias=False, num_hidden_layers=1,
        layer_types=["conv"],
    )  # fmt: skip
    return Theirs(Residual(spec, Lfm2ShortConv(config, 0)), lambda w: w)


def qwen3(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    """All dimensions turn, queries and keys are normed; no output gate."""
    from transformers import Qwen3Config
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3RotaryEmbedding

    heads = options.get("heads", 1)
    config = Qwen3Config(
        hidden_size=spec.d_model, num_attention_heads=heads, num_key_value_heads=options.get("kv_heads", heads),
        head_dim=spec.d_model // heads, rms_norm_eps=spec.norm_eps, num_hidden_layers=1, attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": spec.rotary_base},
    )  # fmt: skip
    config._attn_implementation = "eager"
    rotary = Qwen3RotaryEmbedding(config)

    def given(hidden: Tensor) -> tuple[Any, ...]:
        time = hidden.shape[1]
        later = torch.ones(time, time, dtype=torch.bool).triu(1)
        mask = torch.zeros(1, 1, time, time).masked_fill(later, float("-inf"))
        return rotary(hidden, torch.arange(time).unsqueeze(0)), mask

    return Theirs(Residual(spec, Qwen3Attention(config, 0), given), lambda w: w)


def llama(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaMLP

    config = LlamaConfig(
        hidden_size=spec.d_model, num_attention_heads=1, intermediate_size=options.get("units", spec.d_mlp)
    )
    return Theirs(Residual(spec, LlamaMLP(config)), lambda w: w)


PAIRS: list[
    tuple[Callable[[LayerSpec, dict[str, Any]], Theirs], tuple[str, dict[str, Any], dict[str, Any]]]
] = [
    (mamba2, ("Mamba2", {}, {"d_model": 16})),
    (mamba2, ("Mamba2", {"heads": 4, "groups": 2}, {"d_model": 8, "d_state": 5, "d_conv": 2})),
    (olmo_hybrid, ("GDN", {}, {"d_model": 16})),
    (olmo_hybrid, ("GDN", {"heads": 2, "d_k": 3, "d_v": 5, "beta_to": 2}, {"d_model": 6, "d_conv": 3})),
    (qwen3_next, ("GDN", {}, {"d_model": 16})),
    (qwen3_next, ("GDN", {"heads": 4, "key_heads": 2, "d_k": 3, "d_v": 5}, {"d_model": 6})),
    (delta_net, ("DeltaNet", {"output_gate": True}, {"d_model": 8})),
    (delta_net, ("DeltaNet", {"heads": 3, "d_v": 5, "beta_to": 2, "output_gate": True}, {"d_model": 6})),
    (kimi_linear, ("KDA", {}, {"d_model": 8})),
    (kimi_linear, ("KDA", {"heads": 2, "d_k": 3, "d_v": 3}, {"d_model": 7})),
    (minimax, ("Retention", {"heads": 2, "decay": [0.9, 0.99]}, {"d_model": 8})),
    (minimax, ("Retention", {"heads": 3, "decay": [0.5, 0.7, 0.999]}, {"d_model": 12})),
    (xlstm, ("MLSTM", {}, {"d_model": 8})),
    (xlstm, ("MLSTM", {"heads": 2}, {"d_model": 8})),
    (recurrent_gemma, ("RGLRU", {}, {"d_model": 8})),
    (recurrent_gemma, ("RGLRU", {"width": 12, "heads": 3}, {"d_model": 7, "d_conv": 2})),
    (lfm2, ("ShortConv", {}, {"d_model": 8})),
    (lfm2, ("ShortConv", {"taps": 5}, {"d_model": 5})),
    (qwen3, ("Attention", {"qk_norm": True}, {"d_model": 8, "rotary_fraction": 1.0})),
    (
        qwen3,
        ("Attention", {"heads": 4, "kv_heads": 2, "qk_norm": True}, {"d_model": 16, "rotary_fraction": 1.0}),
    ),
    (llama, ("MLP", {}, {"d_model": 8})),
    (llama, ("MLP", {"units": 5}, {"d_model": 6})),
]
