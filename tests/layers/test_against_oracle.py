"""Both layers equal the equations, written out number by number, to 1e-10 in float64."""

from typing import Any

import layer_cases
import layer_oracle
import numpy as np
import pytest
import torch
from torch import nn

from plait.layers import rope

TOLERANCE = 1e-10


PATHS = ("forward", "reference_forward")
"""What a layer runs by itself (a compiled kernel where there is one), and the plain operations."""


def weights_of(layer: nn.Module) -> layer_oracle.Weights:
    return {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("d_model", [4, 8, 12, 24])
@pytest.mark.parametrize(
    "changes", [{}, {"d_conv": 1, "d_state": 1}, {"d_inner": 5, "dt_rank": 3, "d_conv": 2}]
)
def test_mamba_equals_the_equations(d_model: int, changes: dict[str, int], path: str):
    layer = layer_cases.mamba(d_model=d_model, **changes)
    hidden = layer_cases.inputs(2, 23, d_model)
    expected = [layer_oracle.mamba(row, weights_of(layer), eps=1e-5) for row in hidden.numpy()]
    torch.testing.assert_close(
        getattr(layer, path)(hidden).detach(),
        torch.from_numpy(np.stack(expected)),
        rtol=TOLERANCE,
        atol=TOLERANCE,
    )


@pytest.mark.parametrize("path", PATHS)
def test_step_sizes_far_above_twenty_are_exact(path: str):
    layer = layer_cases.mamba(d_model=4)
    with torch.no_grad():
        layer.mixer.dt_proj.bias.copy_(torch.linspace(19.0, 45.0, 8))
        layer.mixer.A_log.fill_(-3.0)
    hidden = layer_cases.inputs(1, 9, 4)
    expected = layer_oracle.mamba(hidden[0].numpy(), weights_of(layer), eps=1e-5)
    torch.testing.assert_close(
        getattr(layer, path)(hidden)[0].detach(), torch.from_numpy(expected), rtol=1e-13, atol=1e-11
    )


@pytest.mark.parametrize("d_model", [4, 8, 12, 24])
@pytest.mark.parametrize("window", [1, 5, None])
def test_transformer_equals_the_equations(d_model: int, window: int | None):
    compare_transformer(d_model=d_model, window=window)


@pytest.mark.parametrize(
    "changes",
    [
        {"n_heads": 2},
        {"n_heads": 4, "rotary_fraction": 0.7},
        {"n_heads": 3, "rotary_fraction": 1.0},
        {"rotary_fraction": 0.0},
        {"rotary_fraction": 0.25, "rotary_base": 3.5},
        {"rotary_fraction": 0.45},
        {"d_mlp": 0},
        {"d_mlp": 5, "norm_eps": 1e-3},
    ],
)
def test_transformer_in_every_shape(changes: dict[str, float]):
    compare_transformer(d_model=12, window=7, **changes)


@pytest.mark.parametrize(
    ("d_model", "changes"), [(4, {}), (12, {}), (20, {}), (15, {"n_heads": 3}), (16, {})]
)
def test_odd_rotary_dimensions_as_released(d_model: int, changes: dict[str, float]):
    """1, 3, 5 and 1 of them; 4 of them are as ever."""
    compare_transformer(d_model=d_model, window=7, rotary_odd="released", **changes)


@pytest.mark.parametrize("window", [7, None])
@pytest.mark.parametrize("positions", ["none", "alibi", "hard-alibi"])
def test_positions_without_rotation(positions: str, window: int | None):
    compare_transformer(d_model=15, window=window, n_heads=5, positions=positions)


def test_three_turned_dimensions_by_hand():
    query = torch.tensor([[2.0, 3.0, 5.0, 7.0]], dtype=torch.float64)
    angle = torch.tensor([[0.3, 0.01]], dtype=torch.float64)
    (turned,) = rope.rotate(query, angle, 3).tolist()
    (c0, c1), (s0, s1) = angle[0].cos().tolist(), angle[0].sin().tolist()
    assert turned == pytest.approx([2 * c0 - 3 * s0, 3 * c1 - 5 * s1, 5 * c0 + 2 * s0, 7], abs=1e-15)
    (alone,) = rope.rotate(query, angle[:, :1], 1).tolist()
    assert alone == pytest.approx([2 * (c0 - s0), 3, 5, 7], abs=1e-15)


@pytest.mark.parametrize("window", [3, 300, None])
def test_more_queries_than_one_block(window: int | None):
    compare_transformer(d_model=4, window=window, seq_len=330)


def compare_transformer(*, d_model: int, window: int | None, seq_len: int = 23, **changes: Any) -> None:
    layer = layer_cases.transformer(d_model=d_model, window=window, **changes)
    hidden = layer_cases.inputs(1, seq_len, d_model)
    expected = layer_oracle.transformer(
        hidden[0].numpy(),
        weights_of(layer),
        eps=layer.spec.norm_eps,
        n_heads=layer.spec.n_heads,
        window=window,
        rotary_fraction=layer.spec.rotary_fraction,
        base=layer.spec.rotary_base,
        released=layer.spec.rotary_odd == "released",
        positions=layer.spec.positions,
    )
    for path in PATHS:
        torch.testing.assert_close(
            getattr(layer, path)(hidden)[0].detach(),
            torch.from_numpy(expected),
            rtol=TOLERANCE,
            atol=TOLERANCE,
            msg=lambda text, path=path: f"{path}: {text}",
        )
