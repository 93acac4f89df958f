"""Some cells of every experiment on the GPU and on the CPU: gradients, losses and answers."""

import os
from dataclasses import replace

import pytest
import torch

from plait.paper import CATALOGUE
from plait.training import Run, train
from plait.training.trainer import Trainer

DEVICE = os.environ.get("PLAIT_TEST_DEVICE", "cuda")
"""`cpu` tries the test itself where there is no GPU."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STEPS = 10
WIDEST = 192


def kind(run: Run) -> tuple[object, ...]:
    """What decides which code trains it."""
    return run.train.dtype, run.model.dropout > 0, run.model.init, run.model.d_model > 64, type(run.task)


def some(name: str, *, most: int = 4) -> list[Run]:
    """Cells from the first to the last of each kind, not too wide for a test, and none in bfloat16, in which devices
    round otherwise.
    """
    cells = [cell[0] for cell in CATALOGUE[name].expand_cells()]
    cells = [run for run in cells if run.model.d_model <= WIDEST and run.train.dtype != "bfloat16"]
    kinds = {kind(run): [other for other in cells if kind(other) == kind(run)] for run in cells}
    each = max(1, most // len(kinds))
    return [
        alike[place]
        for alike in kinds.values()
        for place in torch.linspace(0, len(alike) - 1, min(each, len(alike))).round().int().tolist()
    ]


CELLS = {f"{name}-{place}": run for name in CATALOGUE for place, run in enumerate(some(name))}

FROM_RANDOM = [name for name, run in CELLS.items() if run.start is None]
"""A construction has gains of thousands: what is rounded otherwise is another model a few steps later."""


def test_every_kind_of_cell_is_tried():
    kinds = [kind(run) for run in CELLS.values()]
    assert {dtype for dtype, *_ in kinds} == {"float32", "float64"}
    assert all(any(kind[place] for kind in kinds) for place in (1, 3))


@pytest.mark.parametrize("name", FROM_RANDOM)
def test_both_devices_train_alike(name: str):
    run = CELLS[name]
    protocol = replace(run.train, steps=STEPS, warmup=5, test_sequences=64, select_sequences=1)
    run = replace(run, train=protocol)
    here, there = (train(run, lrs=(1e-4, 1e-3), seeds=range(4), device=device) for device in ("cpu", DEVICE))
    losses = [torch.tensor([member.losses for member in result.members]) for result in (there, here)]
    torch.testing.assert_close(*losses, rtol=1e-5 if run.train.dtype == "float32" else 1e-10, atol=0.0)
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
    least = 1e-5 if run.train.dtype == "float32" else 1e-13
    assert (errors[1] <= 20 * errors[0].clamp(min=least)).all(), [error.tolist() for error in errors]


def gradients_of(run: Run, device: str) -> torch.Tensor:
    """Those of the first step, float64 on the CPU."""
    trainer = Trainer(run, seeds=range(4), lrs=(1e-3,), device=torch.device(device))
    trainer.step()
    return trainer.ensemble.gradients.double().cpu().clone()
