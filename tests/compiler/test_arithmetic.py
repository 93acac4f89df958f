"""What the proofs assume of elementary functions (docs/theory-constructions.md), held against float64 here."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

ARGUMENTS = torch.cat((torch.linspace(-100.0, 100.0, 400_001), torch.linspace(-2.0, 2.0, 400_001)))


def exact(name: str, z: Tensor) -> Tensor:
    match name:
        case "exp":
            return z.exp()
        case "silu":
            return torch.where(z >= 0, z / (1.0 + (-z).exp()), z * z.exp() / (1.0 + z.exp()))
        case _:
            return torch.where(z > 0, z + torch.log1p((-z).exp()), torch.log1p(z.exp()))


def computed(name: str, z: Tensor) -> Tensor:
    functions = {"exp": torch.exp, "silu": F.silu, "softplus": lambda z: F.softplus(z, threshold=40.0)}
    return functions[name](z)


@pytest.mark.parametrize("name", ["exp", "silu", "softplus"])
def test_elementary_functions_err_by_at_most_five_units(name: str) -> None:
    z = ARGUMENTS[ARGUMENTS < 80.0] if name == "exp" else ARGUMENTS
    z = z[z > -80.0]
    wanted = exact(name, z.double())
    off = (computed(name, z).double() - wanted).abs() / wanted.abs().clamp(min=2.0**-120)
    assert float(off.max()) <= 5.0 * 2.0**-24


def test_silu_is_the_identity_from_24_on() -> None:
    z = torch.linspace(24.0, 5000.0, 1_000_001)
    assert torch.equal(F.silu(z), z)
    assert torch.equal(F.silu(z.bfloat16()), z.bfloat16())
    assert float((F.silu(-z).abs() / (z * (-z).exp()).clamp(min=1e-37)).max()) <= 1.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_too_small_to_matter_is_1_or_nothing(dtype: torch.dtype) -> None:
    small = torch.tensor([0.0, 2.0**-60, -(2.0**-60), 2.0**-120, -(2.0**-138)], dtype=dtype)
    assert torch.equal(small.exp(), torch.ones_like(small))
    z = torch.linspace(-200.0, 0.0, 10_001, dtype=dtype)
    assert bool((F.softplus(z, threshold=40.0) <= 2.0 * z.double().exp()).all())
    assert torch.equal(
        F.softplus(torch.tensor(128.0, dtype=dtype), threshold=40.0), torch.tensor(128.0, dtype=dtype)
    )


def test_decays_of_slow_counts_are_1_or_rounded_once() -> None:
    z = -torch.logspace(-20.0, -12.0, 100_001, base=10.0, dtype=torch.float64)
    assert torch.equal(z.float().exp(), torch.ones(len(z)))
    assert float((z.exp() - (1.0 + z)).abs().max()) <= 2.0**-53
