"""The selective scan by whichever implementation is the fastest here."""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.selective_scan import cpu, gpu, reference


class Scan(Protocol):
    """`reference.selective_scan`, or what gives the same."""

    def __call__(
        self,
        x: Float[Tensor, "*batch time d_inner"],
        *,
        dt: Float[Tensor, "*batch time d_inner"],
        A: Float[Tensor, "*members d_inner d_state"],
        B: Float[Tensor, "*batch time d_state"],
        C: Float[Tensor, "*batch time d_state"],
        D: Float[Tensor, "*members d_inner"] | None,
    ) -> Float[Tensor, "*batch time d_inner"]: ...


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """`reference.selective_scan`, compiled where there is something to compile with: C++, or Triton on a GPU."""
    tensors = (x, dt, A, B, C) if D is None else (x, dt, A, B, C, D)
    by = reference
    if x.numel() > 0:
        by = cpu if call.usable(*tensors) else gpu if gpu.usable(*tensors) else reference
    return by.selective_scan(x, dt=dt, A=A, B=B, C=C, D=D)
