"""With a leading members axis on every parameter, each member computes what it computes alone."""

from typing import Any

import layer_cases
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from plait.layers import MambaLayer, TransformerLayer

MEMBERS = 3

CASES: list[tuple[type[MambaLayer | TransformerLayer], dict[str, Any]]] = [
    (MambaLayer, {"pattern": "SSM", "d_model": 8}),
    (MambaLayer, {"pattern": "SSM", "d_model": 12, "d_conv": 1, "d_state": 2}),
    (TransformerLayer, {"d_model": 8, "window": 5}),
    (TransformerLayer, {"d_model": 12, "n_heads": 3, "rotary_fraction": 0.6}),
    (TransformerLayer, {"d_model": 8, "d_mlp": 0}),
]


class Path(torch.nn.Module):
    """A layer called by one of its methods: `functional_call` swaps weights around a call alone."""

    def __init__(self, layer: torch.nn.Module, method: str) -> None:
        super().__init__()
        self.layer, self.method = layer, method

    def forward(self, *arguments: Any) -> Any:
        return getattr(self.layer, self.method)(*arguments)


def ensemble(
    kind: type[MambaLayer | TransformerLayer], changes: dict[str, Any]
) -> tuple[list[MambaLayer | TransformerLayer], dict[str, Tensor]]:
    layers = [kind(layer_cases.spec(**changes)).double() for _ in range(MEMBERS)]
    for seed, layer in enumerate(layers):
        layer_cases.fill(layer, seed)
    states = [layer.state_dict() for layer in layers]
    return layers, {f"layer.{name}": torch.stack([s[name] for s in states]) for name in states[0]}


@pytest.mark.parametrize(("kind", "changes"), CASES)
@pytest.mark.parametrize("method", ["forward", "reference_forward"])
def test_outputs_and_gradients_are_those_of_each_alone(kind: Any, changes: dict[str, Any], method: str):
    layers, stacked = ensemble(kind, changes)
    stacked = {name: value.requires_grad_() for name, value in stacked.items()}
    hidden = layer_cases.inputs(MEMBERS, 2, 11, changes["d_model"])
    direction = layer_cases.inputs(MEMBERS, 2, 11, changes["d_model"], seed=4)
    output = functional_call(Path(layers[0], method), stacked, (hidden,))
    (output * direction).sum().backward()
    for member, layer in enumerate(layers):
        layer.zero_grad()
        alone = getattr(layer, method)(hidden[member])
        torch.testing.assert_close(output[member], alone, rtol=1e-12, atol=1e-12)
        (alone * direction[member]).sum().backward()
        for name, parameter in layer.named_parameters():
            gradient = stacked[f"layer.{name}"].grad
            assert gradient is not None, name
            assert parameter.grad is not None, name
            torch.testing.assert_close(gradient[member], parameter.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_steps_are_those_of_each_alone(kind: Any, changes: dict[str, Any]):
    layers, stacked = ensemble(kind, changes)
    hidden = layer_cases.inputs(MEMBERS, 2, 8, changes["d_model"])
    stepping, device = Path(layers[0], "step"), hidden.device
    state = layers[0].init_state((MEMBERS, 2), dtype=torch.float64, device=device)
    alone = [layer.init_state(2, dtype=torch.float64, device=device) for layer in layers]
    with torch.no_grad():
        for position in range(8):
            output, state = functional_call(stepping, stacked, (hidden[:, :, position], state))
            for member, layer in enumerate(layers):
                expected, alone[member] = layer.step(hidden[member, :, position], alone[member])
                torch.testing.assert_close(output[member], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_a_neighbour_that_is_not_finite_changes_no_bit(kind: Any, changes: dict[str, Any]):
    layers, stacked = ensemble(kind, changes)
    hidden = layer_cases.inputs(MEMBERS, 2, 11, changes["d_model"])
    path = Path(layers[0], "reference_forward")
    calm = functional_call(path, stacked, (hidden,))
    broken = {name: value.clone() for name, value in stacked.items()}
    for value in broken.values():
        value[1] = float("nan")
    disturbed = functional_call(path, broken, (hidden,))
    assert disturbed[1].isnan().all()
    assert torch.equal(disturbed[0], calm[0])
    assert torch.equal(disturbed[2], calm[2])
