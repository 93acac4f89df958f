"""A layer's step gives what its parallel pass gives, and holds what `state_size` says."""

from typing import Any

import layer_cases
import pytest
import torch
from torch import Tensor

from plait.kernels.neox.reference import attend
from plait.layers import MambaLayer, TransformerLayer, rope

SEQ_LEN = 30

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SSM", {"d_model": 8}),
    ("SSM", {"d_model": 12, "d_conv": 1, "d_state": 1}),
    ("SSM", {"d_model": 4, "d_conv": 7, "d_inner": 3, "dt_rank": 2}),
    ("TF", {"d_model": 8, "window": None}),
    ("TF", {"d_model": 8, "window": 1}),
    ("TF", {"d_model": 8, "window": 2}),
    ("TF", {"d_model": 12, "window": 7, "n_heads": 3, "rotary_fraction": 0.75}),
    ("TF", {"d_model": 12, "window": SEQ_LEN, "n_heads": 2, "d_mlp": 0}),
    ("TF", {"d_model": 12, "window": 7, "rotary_odd": "released"}),
    ("TF", {"d_model": 4, "window": None, "rotary_odd": "released"}),
    ("TF", {"d_model": 12, "window": None, "n_heads": 3, "positions": "none"}),
    ("TF", {"d_model": 12, "window": 7, "n_heads": 3, "positions": "alibi"}),
    ("TF", {"d_model": 12, "window": None, "n_heads": 4, "positions": "hard-alibi"}),
]


def made(name: str, changes: dict[str, Any], dtype: torch.dtype) -> MambaLayer | TransformerLayer:
    return (layer_cases.mamba if name == "SSM" else layer_cases.transformer)(dtype, **changes)


@torch.no_grad()
def streamed(layer: MambaLayer | TransformerLayer, hidden: Tensor) -> Tensor:
    """All steps in order; after each the state is checked against `state_size`, to its storage's byte."""
    state = layer.init_state(hidden.shape[0], dtype=hidden.dtype, device=hidden.device)
    outputs: list[Tensor] = []
    for position in range(hidden.shape[1]):
        output, state = layer.step(hidden[:, position], state)
        outputs.append(output)
        expected = layer.state_size(position + 1)
        counter = state.get("position")
        assert counter is None or counter.tolist() == [position + 1] * hidden.shape[0]
        held = {name: value for name, value in state.items() if name != "position"}
        assert {name: value.numel() // hidden.shape[0] for name, value in held.items()} == expected
        for held in state.values():
            assert held.untyped_storage().nbytes() == held.numel() * held.element_size()
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_steps_equal_the_parallel_pass(name: str, changes: dict[str, Any], batch: int):
    layer = made(name, changes, torch.float64)
    hidden = layer_cases.inputs(batch, SEQ_LEN, changes["d_model"])
    torch.testing.assert_close(streamed(layer, hidden), layer(hidden).detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_in_bfloat16_they_agree_to_its_precision(name: str, changes: dict[str, Any]):
    layer = made(name, changes, torch.bfloat16)
    hidden = layer_cases.inputs(2, SEQ_LEN, changes["d_model"], dtype=torch.bfloat16)
    exact = made(name, changes, torch.float64)
    exact.load_state_dict(layer.state_dict())
    expected = exact(hidden.double()).detach()
    scale = expected.abs().max().item()
    for output in (streamed(layer, hidden), layer(hidden).detach()):
        assert output.dtype == torch.bfloat16
        torch.testing.assert_close(output.double(), expected, rtol=0.0, atol=0.03 * scale)


def test_the_state_of_a_scan_in_16_bits_is_held_in_float32():
    state = layer_cases.mamba(d_model=8).init_state(1, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert state["ssm_state"].dtype == torch.float32
    assert state["conv_tail"].dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_a_step_leaves_the_old_state_alone(name: str, changes: dict[str, Any]):
    layer = made(name, changes, torch.float64)
    hidden = layer_cases.inputs(2, 6, changes["d_model"])
    state = layer.init_state(2, dtype=torch.float64, device=hidden.device)
    for position in range(5):
        _, state = layer.step(hidden[:, position], state)
    before = {key: value.detach().clone() for key, value in state.items()}
    first, _ = layer.step(hidden[:, 5], state)
    second, _ = layer.step(hidden[:, 5], state)
    assert torch.equal(first, second)
    assert all(torch.equal(before[key], state[key]) for key in before)


def test_rotary_angles_hold_at_positions_past_a_million():
    """A window of 4 gives the same output wherever the stream stands: scores depend on distances alone."""
    layer = layer_cases.transformer(d_model=8, window=4, rotary_fraction=1.0, d_mlp=0)
    attention = layer.attention
    query, key, value = layer_cases.inputs(3, 1, 1, 4, 8).unbind(0)
    outputs = []
    for start in (0, 3_000_000, 10**8):
        turn = attention.turn(start, start + 4, torch.device("cpu"))
        outputs.append(attend(rope.rotate(query, turn), rope.rotate(key, turn), value, window=4))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=0, atol=1e-8)
    torch.testing.assert_close(outputs[2], outputs[0], rtol=0, atol=1e-6)
