"""AdamW of an ensemble against torch.optim.AdamW with clip_grad_norm_, member by member."""

import pytest
import torch

from plait.kernels.adamw import AdamWRule, adamw
from plait.native import library


@pytest.mark.parametrize("compiled", [True, False])
def test_is_torch_adamw_for_each_member(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if compiled and not library.available():
        pytest.skip("no C++ compiler")
    if not compiled:
        monkeypatch.setattr("plait.kernels.common.call.usable", lambda *_: False)
    torch.manual_seed(0)
    members, size = 3, 37
    weights = torch.randn(members, size, dtype=torch.float64)
    own = [torch.nn.Parameter(w.clone()) for w in weights]
    rates = torch.tensor([1e-3, 1e-2, 0.1], dtype=torch.float64)
    optimisers = [
        torch.optim.AdamW([p], lr=lr, weight_decay=0.1) for p, lr in zip(own, rates.tolist(), strict=True)
    ]
    moments = torch.zeros_like(weights), torch.zeros_like(weights)
    active = torch.ones(members, dtype=torch.bool)
    for step in range(1, 6):
        gradients = torch.randn(members, size, dtype=torch.float64) * torch.tensor([[0.01], [1.0], [30.0]])
        adamw(weights, gradients, moments, lr=rates, active=active, rule=AdamWRule(), step=step)
        for parameter, optimiser, gradient in zip(own, optimisers, gradients, strict=True):
            parameter.grad = gradient.clone()
            torch.nn.utils.clip_grad_norm_([parameter], 1.0)
            optimiser.step()
    assert torch.allclose(weights, torch.stack([p.detach() for p in own]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_gradient_that_is_not_finite_freezes_its_member_alone(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled and not library.available():
        pytest.skip("no C++ compiler")
    if not compiled:
        monkeypatch.setattr("plait.kernels.common.call.usable", lambda *_: False)
    weights = torch.ones(3, 20)
    gradients = torch.ones(3, 20)
    gradients[1, 7] = float("nan")
    active = torch.tensor([True, True, False])
    moments = torch.zeros_like(weights), torch.zeros_like(weights)
    lr = torch.full((3,), 0.1, dtype=torch.float64)
    adamw(weights, gradients, moments, lr=lr, active=active, rule=AdamWRule(), step=1)
    assert active.tolist() == [True, False, False]
    assert bool((weights[0] < 1).all())
    assert torch.equal(weights[1:], torch.ones(2, 20))
