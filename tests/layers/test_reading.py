"""What a position can read, by gradient: exactly the window, exactly the taps, never the future."""

import layer_cases
import pytest
import torch
from torch import Tensor, nn

from plait.model import HybridConfig, HybridLM

SEQ_LEN = 12


def readers(layer: nn.Module, d_model: int) -> Tensor:
    """`(time, time)`: does the output at the first index depend on the input at the second?"""
    hidden = layer_cases.inputs(1, SEQ_LEN, d_model).requires_grad_()
    direction = layer_cases.inputs(d_model, seed=3)
    rows: list[Tensor] = []
    output = layer(hidden)
    for position in range(SEQ_LEN):
        (gradient,) = torch.autograd.grad(output[0, position] @ direction, hidden, retain_graph=True)
        rows.append(gradient[0].abs().amax(-1) > 0)
    return torch.stack(rows)


def distances() -> Tensor:
    places = torch.arange(SEQ_LEN)
    return places.unsqueeze(-1) - places


@pytest.mark.parametrize("window", [1, 2, 5, SEQ_LEN, 50, None])
@pytest.mark.parametrize("n_heads", [1, 2])
def test_attention_reads_its_window_and_nothing_else(window: int | None, n_heads: int):
    layer = layer_cases.transformer(d_model=8, window=window, n_heads=n_heads)
    expected = (distances() >= 0) & (distances() < (window or SEQ_LEN))
    assert torch.equal(readers(layer, 8), expected)


def test_the_scan_reads_all_of_the_past():
    assert torch.equal(readers(layer_cases.mamba(d_model=8), 8), distances() >= 0)


@pytest.mark.parametrize("d_conv", [1, 2, 4, 7])
def test_without_state_mamba_reads_the_taps_of_its_convolution(d_conv: int):
    layer = layer_cases.mamba(d_model=8, d_conv=d_conv)
    with torch.no_grad():
        layer.mixer.dt_proj.weight.fill_(0.0)
        layer.mixer.dt_proj.bias.fill_(60.0)
        layer.mixer.A_log.fill_(4.0)
    expected = (distances() >= 0) & (distances() < d_conv)
    assert torch.equal(readers(layer, 8), expected)


def test_a_stack_reads_the_sum_of_its_windows():
    """The output at t reads the last 1 + (3 - 1) + (4 - 1) tokens."""
    model = HybridLM(
        HybridConfig(30, pattern="TF-TF", d_model=8, window=(3, 4)), seed=None, dtype=torch.float64
    )
    layer_cases.fill(model, 0)
    tokens = torch.arange(20).unsqueeze(0)
    for place in range(20):
        changed = tokens.clone()
        changed[0, place] = 29
        moved = (model(tokens) != model(changed)).any(-1)[0].nonzero().flatten().tolist()
        assert moved == list(range(place, min(place + 6, 20)))
