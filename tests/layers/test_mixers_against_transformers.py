"""Mixers equal the unmodified classes of `transformers` in float32: outputs and every gradient, weights copied over.

Tolerance: 1e-4 of the largest entry. How our weights become theirs is a copy of numbers, so that gradients go the same
way; `test_weights_come_back` goes the other.
"""

from collections.abc import Callable
from typing import Any

import layer_cases
import mixer_cases
import pytest
import torch
from torch import Tensor
from transformers_mixers import PAIRS, Theirs, Weights

from plait.layers import DrawnLayer

pytest.importorskip("transformers")

TOLERANCE = 1e-4
CANCELS, OF_WHAT_CANCELS = "mixer.igate_preact.", 4e-4
"""mLSTM's gradients by its input gates nearly cancel under its normaliser: rounding is 8e-5 to 1.2e-4."""
SEQ_LEN = 70

each_pair = pytest.mark.parametrize(("build", "case"), PAIRS)


def pair(build: Callable[..., Theirs], case: tuple[str, Any, Any]) -> tuple[DrawnLayer, Theirs]:
    torch.manual_seed(0)
    ours = mixer_cases.made(*case, torch.float32)
    theirs = build(ours.spec, case[1])
    theirs.module.eval()
    return ours, theirs


def buffers(theirs: Theirs) -> Weights:
    return {n: b for n, b in theirs.module.named_buffers() if n in theirs.module.state_dict()}


def close(ours: Tensor, theirs: Tensor, what: str, tolerance: float = TOLERANCE) -> None:
    scale = max(theirs.abs().max().item(), 1e-3)
    torch.testing.assert_close(
        ours, theirs, rtol=0.0, atol=tolerance * scale, msg=lambda text: f"{what}: {text}"
    )


def compare(ours: DrawnLayer, theirs: Theirs, way: str) -> None:
    first = layer_cases.inputs(2, SEQ_LEN, ours.spec.d_model, dtype=torch.float32).requires_grad_()
    second = first.detach().clone().requires_grad_()
    direction = layer_cases.inputs(2, SEQ_LEN, ours.spec.d_model, dtype=torch.float32, seed=2)
    output, expected = getattr(ours, way)(first), theirs.module(second)
    close(output, expected, "output")
    own = dict(ours.named_parameters())
    found = torch.autograd.grad((output * direction).sum(), [first, *own.values()])
    (expected * direction).sum().backward()
    assert second.grad is not None
    close(found[0], second.grad, "gradient of the input")
    gradients = theirs.named(dict(zip(own, found[1:], strict=True)))
    for name, parameter in theirs.module.named_parameters():
        if name in theirs.fixed:
            continue
        assert parameter.grad is not None, name
        tolerance = OF_WHAT_CANCELS if name.startswith(CANCELS) else TOLERANCE
        close(gradients.pop(name), parameter.grad, f"gradient of {name}", tolerance)
    assert not gradients, "each of our weights is one of theirs"


@each_pair
@pytest.mark.parametrize("way", ["forward", "reference_forward"])
def test_our_weights_in_their_class(build: Callable[..., Theirs], case: Any, way: str):
    ours, theirs = pair(build, case)
    theirs.module.load_state_dict(
        theirs.named(ours.state_dict()) | dict(theirs.fixed) | buffers(theirs), strict=True
    )
    compare(ours, theirs, way)


@each_pair
def test_weights_come_back(build: Callable[..., Theirs], case: Any):
    """Theirs into ours, through the map's inverse: which of their numbers each of ours is."""
    ours, theirs = pair(build, case)
    layer_cases.fill(theirs.module, 7)
    theirs.module.load_state_dict(theirs.module.state_dict() | dict(theirs.fixed))
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
