"""Every mixer equals a loop over tokens written from its paper's equations, in float64: outputs and every gradient."""

from typing import Any

import layer_cases
import mixer_cases
import mixer_oracle
import pytest
import torch

SEQ_LEN = 40
TOLERANCE = 1e-9
"""Of the largest entry."""


@pytest.mark.parametrize("way", ["forward", "reference_forward"])
@pytest.mark.parametrize(("name", "options", "changes"), mixer_cases.CASES)
def test_equations(name: str, options: dict[str, Any], changes: dict[str, Any], way: str):
    layer = mixer_cases.made(name, options, changes)
    hidden = layer_cases.inputs(1, SEQ_LEN, changes["d_model"]).requires_grad_()
    direction = layer_cases.inputs(SEQ_LEN, changes["d_model"], seed=3)
    weights: dict[str, torch.Tensor] = dict(layer.named_parameters())
    ours = getattr(layer, way)(hidden)[0]
    theirs = mixer_oracle.layer(name, weights, hidden[0], layer.spec, options)
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()
    wanted = [hidden, *weights.values()]
    found, expected = (torch.autograd.grad((out * direction).sum(), wanted) for out in (ours, theirs))
    for what, a, b in zip(("input", *weights), found, expected, strict=True):
        assert (a - b).abs().max() <= TOLERANCE * b.abs().max(), what
