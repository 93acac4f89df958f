"""What tests of Triton's kernels share: numbers that are drawn, fresh memory that is NaN, and how near is near."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

TOLERANCE = 1e-5
"""Norm of the difference over norm: float32 with products that keep at least 21 bits."""


def draws(seed: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


@contextmanager
def poisoned() -> Iterator[None]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def assert_near(got: Tensor, wanted: Tensor, name: str, tolerance: float = TOLERANCE) -> None:
    got, wanted = got.detach().cpu().double(), wanted.detach().cpu().double()
    error = float((got - wanted).norm())
    assert error <= tolerance * max(float(wanted.norm()), 1e-12), (
        f"{name}: {error / float(wanted.norm()):.1e}"
    )
