"""Mixers equal the unmodified classes of `transformers` in float32: outputs and every gradient, weights copied over.

Tolerance: 5e-5 of the largest entry. How our weights become theirs is a copy of numbers, so that gradients go the same
way; `test_weights_come_back` goes the other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import layer_cases
import mixer_cases
import pytest
import torch
from torch import Tensor, nn

from plait.layers import DrawnLayer
from plait.layers.spec import LayerSpec

pytest.importorskip("transformers")

TOLERANCE = 5e-5
SEQ_LEN = 70

Weights = dict[str, Tensor]


class Theirs(NamedTuple):
    """A module of theirs, what it gives to hidden states `(batch, time, d_model)`, and our weights under its names."""

    module: nn.Module
    run: Callable[[Tensor], Tensor]
    named: Callable[[Weights], Weights]


class Residual(nn.Module):
    """What stands around a mixer: their RMSNorm and the residual."""

    def __init__(self, norm: nn.Module, mixer: nn.Module) -> None:
        super().__init__()
        self.norm, self.mixer = norm, mixer

    def forward(self, hidden: Tensor) -> Tensor:
        found = self.mixer(self.norm(hidden))
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
    return Theirs(block, block, lambda w: w)


def olmo_hybrid(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    from transformers import OlmoHybridConfig
    from transformers.models.olmo_hybrid.modeling_olmo_hybrid import (
        OlmoHybridGatedDeltaNet,
        OlmoHybridRMSNorm,
    )

    heads = options.get("heads", 1)
    config = OlmoHybridConfig(
        hidden_size=spec.d_model, linear_num_value_heads=heads, linear_num_key_heads=options.get("key_heads", heads),
        linear_key_head_dim=options.get("d_k", spec.d_model // heads),
        linear_value_head_dim=options.get("d_v", 2 * spec.d_model // heads), linear_conv_kernel_dim=spec.d_conv,
        linear_allow_neg_eigval=options.get("beta_to", 1) == 2, num_hidden_layers=2, num_attention_heads=1,
        layer_types=["linear_attention", "full_attention"], rms_norm_eps=spec.norm_eps,
    )  # fmt: skip
    block = Residual(OlmoHybridRMSNorm(spec.d_model, eps=spec.norm_eps), OlmoHybridGatedDeltaNet(config, 0))
    return Theirs(block, block, lambda w: w)


def qwen3_next(spec: LayerSpec, options: dict[str, Any]) -> Theirs:
    """Its projections are one, by groups of heads; its norms weigh 1 + what is stored, so the outer one is OLMo's."""
    from transformers import Qwen3NextConfig
    from transformers.models.olmo_hybrid.modeling_olmo_hybrid import OlmoHybridRMSNorm
    from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextGatedDeltaNet

    heads = options.get("heads", 1)
    groups = options.get("key_heads", heads)
    config = Qwen3NextConfig(
        hidden_size=spec.d_model, linear_num_value_heads=heads, linear_num_key_heads=groups,
        linear_key_head_dim=options.get("d_k", spec.d_model // heads),
        linear_value_head_dim=options.get("d_v", 2 * spec.d_model // heads), linear_conv_kernel_dim=spec.d_conv,
        num_hidden_layers=2, rms_norm_eps=1e-5, layer_types=["linear_attention", "full_attention"],
    )  # fmt: skip
    block = Residual(OlmoHybridRMSNorm(spec.d_model, eps=spec.norm_eps), Qwen3NextGatedDeltaNet(config, 0))

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

    return Theirs(block, block, named)


PAIRS: list[
    tuple[Callable[[LayerSpec, dict[str, Any]], Theirs], tuple[str, dict[str, Any], dict[str, Any]]]
] = [
    (mamba2, ("Mamba2", {}, {"d_model": 16})),
    (mamba2, ("Mamba2", {"heads": 4, "groups": 2}, {"d_model": 8, "d_state": 5, "d_conv": 2})),
    (olmo_hybrid, ("GDN", {}, {"d_model": 16})),
    (olmo_hybrid, ("GDN", {"heads": 2, "d_k": 3, "d_v": 5, "beta_to": 2}, {"d_model": 6, "d_conv": 3})),
    (qwen3_next, ("GDN", {}, {"d_model": 16})),
    (qwen3_next, ("GDN", {"heads": 4, "key_heads": 2, "d_k": 3, "d_v": 5}, {"d_model": 6})),
]

each_pair = pytest.mark.parametrize(("build", "case"), PAIRS)


def pair(build: Callable[..., Theirs], case: tuple[str, Any, Any]) -> tuple[DrawnLayer, Theirs]:
    torch.manual_seed(0)
    ours = mixer_cases.made(*case, torch.float32)
    theirs = build(ours.spec, case[1])
    theirs.module.eval()
    return ours, theirs


def close(ours: Tensor, theirs: Tensor, what: str) -> None:
    scale = max(theirs.abs().max().item(), 1e-3)
    torch.testing.assert_close(
        ours, theirs, rtol=0.0, atol=TOLERANCE * scale, msg=lambda text: f"{what}: {text}"
    )


def compare(ours: DrawnLayer, theirs: Theirs, way: str) -> None:
    first = layer_cases.inputs(2, SEQ_LEN, ours.spec.d_model, dtype=torch.float32).requires_grad_()
    second = first.detach().clone().requires_grad_()
    direction = layer_cases.inputs(2, SEQ_LEN, ours.spec.d_model, dtype=torch.float32, seed=2)
    output, expected = getattr(ours, way)(first), theirs.run(second)
    close(output, expected, "output")
    own = dict(ours.named_parameters())
    found = torch.autograd.grad((output * direction).sum(), [first, *own.values()])
    (expected * direction).sum().backward()
    assert second.grad is not None
    close(found[0], second.grad, "gradient of the input")
    gradients = theirs.named(dict(zip(own, found[1:], strict=True)))
    for name, parameter in theirs.module.named_parameters():
        assert parameter.grad is not None, name
        close(gradients.pop(name), parameter.grad, f"gradient of {name}")
    assert not gradients, "each of our weights is one of theirs"


@each_pair
@pytest.mark.parametrize("way", ["forward", "reference_forward"])
def test_our_weights_in_their_class(build: Callable[..., Theirs], case: Any, way: str):
    ours, theirs = pair(build, case)
    theirs.module.load_state_dict(theirs.named(ours.state_dict()), strict=True)
    compare(ours, theirs, way)


@each_pair
def test_weights_come_back(build: Callable[..., Theirs], case: Any):
    """Theirs into ours, through the map's inverse: which of their numbers each of ours is."""
    ours, theirs = pair(build, case)
    layer_cases.fill(theirs.module, 7)
    places, first = {}, 0
    for name, weight in ours.state_dict().items():
        places[name] = torch.arange(first, first + weight.numel(), dtype=torch.float64).view(weight.shape)
        first += weight.numel()
    flat = torch.full((first,), float("nan"))
    state = theirs.module.state_dict()
    for name, where in theirs.named(places).items():
        flat[where.flatten().long()] = state[name].flatten()
    ours.load_state_dict({name: flat[where.long()] for name, where in places.items()})
    compare(ours, theirs, "forward")
