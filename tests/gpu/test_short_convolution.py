"""The short convolution's kernels against the plain version in float64, forward and every gradient.

On a CUDA device they run as they are; without one, `TRITON_INTERPRET=1` runs them in Triton's interpreter.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from triton_device import DEVICE, INTERPRETED, MARKS

from plait.kernels.short_convolution import reference

pytestmark = MARKS

TOLERANCE = {torch.float32: 1e-6, torch.float16: 5e-4} | ({} if INTERPRETED else {torch.bfloat16: 4e-3})
"""Norm of the difference over norm; the interpreter does not round to bfloat16 as a GPU does."""


@pytest.fixture
def poisoned():
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def drawn(batch: int, time: int, channels: int, taps: int, dtype: torch.dtype) -> list[Tensor]:
    """x, weight, bias, and what the output's gradient is, in float64, the first and last rounded to `dtype`."""
    generator = torch.Generator().manual_seed(0)
    shapes = (batch, time, channels), (channels, 1, taps), (channels,), (batch, time, channels)
    x, weight, bias, up = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return [x.to(dtype).double(), weight.float().double(), bias.float().double(), up.to(dtype).double()]


def both_ways(
    run: Callable[..., Tensor], given: list[Tensor], *, biased: bool, silu: bool, strided: bool = False
) -> list[Tensor]:
    x, weight, bias, up = given
    leaves = [t.requires_grad_() for t in ((x, weight, bias) if biased else (x, weight))]
    if strided:
        x = torch.cat((x, x, x), dim=-1)[..., x.shape[-1] : 2 * x.shape[-1]]
    y = run(x, weight, bias if biased else None, silu=silu)
    assert y.dtype == x.dtype
    return [y.detach(), *torch.autograd.grad(y, leaves, up)]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("shape", "taps", "biased", "silu", "strided"),
    [
        ((1, 1, 1), 4, True, True, False),
        ((2, 63, 5), 4, False, True, True),
        ((1, 64, 130), 4, True, True, False),
        ((2, 65, 16), 3, True, False, True),
        ((3, 130, 7), 2, False, True, False),
        ((1, 66, 3), 1, True, True, True),
        ((1, 131, 4), 4, False, False, False),
    ],
)
def test_as_the_plain_one(
    shape: tuple[int, int, int], taps: int, biased: bool, silu: bool, dtype: torch.dtype, strided: bool
) -> None:
    from plait.kernels.short_convolution import gpu

    given = drawn(*shape, taps, dtype)
    wanted = both_ways(reference.short_convolution, given, biased=biased, silu=silu)
    types = (dtype, torch.float32, torch.float32, dtype)
    there = [t.detach().to(DEVICE, own) for t, own in zip(given, types, strict=True)]
    got = both_ways(gpu.short_convolution, there, biased=biased, silu=silu, strided=strided)
    again = both_ways(gpu.short_convolution, there, biased=biased, silu=silu, strided=strided)
    for name, one, other, same in zip(("y", "x", "weight", "bias"), got, wanted, again, strict=False):
        assert torch.equal(one, same)
        error = float((one.cpu().double() - other).norm() / other.norm())
        assert error < TOLERANCE[dtype], f"{name}: {error:.1e}"


def test_the_operation_is_as_the_compiler_takes_it() -> None:
    from plait.kernels.short_convolution import gpu

    x, weight, bias, _ = (t.float().to(DEVICE).requires_grad_() for t in drawn(2, 9, 6, 4, torch.float32))
    operation = gpu._convolved  # pyright: ignore[reportPrivateUsage]
    torch.library.opcheck(operation, (x, weight, bias, True))
    torch.library.opcheck(operation, (x.detach().half().requires_grad_(), weight, None, True))
