"""Tasks that small hybrids learn in seconds; the longer runs stand in docs/log.md."""

from typing import Any

import pytest

from plait import HybridConfig
from plait.tasks import ModularCounting, PositionRetrieval, Task
from plait.training import Run, Train, train


@pytest.mark.parametrize(
    ("task", "model", "steps", "seq_len", "lr", "seed"),
    [
        (ModularCounting(modulus=2), {"d_model": 8, "options": {"GDN": {"beta_to": 2}}}, 300, 24, 5e-3, 0),
        (PositionRetrieval(n_words=8, n_positions=4), {"d_model": 16}, 600, 20, 3e-3, 1),
    ],
)
def test_gated_deltanet_before_attention(
    task: Task, model: dict[str, Any], steps: int, seq_len: int, lr: float, seed: int
) -> None:
    protocol = Train(
        steps=steps, seq_len=seq_len, lr=lr, batch=16, warmup=50, test_sequences=64, select_sequences=16
    )
    run = Run(task=task, model=HybridConfig(pattern="GDN-TF", **model), train=protocol)
    (member,) = train(run, seeds=(seed,), device="cpu", progress=False).members
    assert member.accuracy > 0.9
