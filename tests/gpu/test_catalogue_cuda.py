"""Some cells of every experiment on the GPU and on the CPU: the same gradients, losses and answers."""

import os
from dataclasses import replace

import pytest
import torch

from plait.experiments.paper import CATALOGUE
from plait.training import Run, train
from plait.training.loop import Trainer

DEVICE = os.environ.get("PLAIT_TEST_DEVICE", "cuda")
"""`cpu` tries the test itself where there is no GPU."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STEPS = 10
WIDEST = 192


def some(name: str, *, most: int = 4) -> list[Run]:
    """Cells from the first to the last, not too wide for a test, and not in a type in which devices round otherwise."""
    cells = [cell[0] for cell in CATALOGUE[name].expand_cells()]
    cells = [run for run in cells if run.model.d_model <= WIDEST and run.train.dtype != "bfloat16"]
    places = torch.linspace(0, len(cells) - 1, min(most, len(cells))).round().int().tolist()
    return [cells[place] for place in places]


CELLS = {f"{name}-{place}": run for name in CATALOGUE for place, run in enumerate(some(name))}

FROM_RANDOM = [name for name, run in CELLS.items() if run.start is None]
"""A construction has gains of thousands: what is rounded otherwise is another model a few steps later."""


@pytest.mark.parametrize("name", FROM_RANDOM)
def test_both_devices_train_alike(name: str):
    run = CELLS[name]
    protocol = replace(run.train, steps=STEPS, warmup=5, test_sequences=64, select_sequences=1)
    run = replace(run, train=protocol)
    here, there = (train(run, lrs=(1e-4, 1e-3), seeds=range(4), device=device) for device in ("cpu", DEVICE))
    losses = [torch.tensor([member.losses for member in result.members]) for result in (there, here)]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=0.0)
    right = [sum(member.correct for member in result.members) for result in (there, here)]
    scored = sum(member.scored for member in here.members)
    assert abs(right[0] - right[1]) <= 1e-3 * scored


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_as_exact_as_on_a_cpu(name: str):
    """Saturated attention included, where a gradient of 0 is the difference of equal numbers.

    Near a construction float32 itself is off by as much as 1e-2, so its own error on a CPU is the measure.
    """
    run = CELLS[name]
    exact = gradients_of(replace(run, train=replace(run.train, dtype="float64")), "cpu")
    errors = [
        (gradients_of(run, device) - exact).norm(dim=1) / exact.norm(dim=1).clamp(min=1e-12)
        for device in ("cpu", DEVICE)
    ]
    assert (errors[1] <= 20 * errors[0].clamp(min=1e-5)).all(), [error.tolist() for error in errors]


def gradients_of(run: Run, device: str) -> torch.Tensor:
    """Those of the first step, float64 on the CPU."""
    trainer = Trainer(run, seeds=range(4), lrs=(1e-3,), device=torch.device(device))
    trainer.step()
    return trainer.ensemble.gradients.double().cpu().clone()
