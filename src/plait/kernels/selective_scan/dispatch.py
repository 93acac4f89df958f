"""The selective scan by whichever implementation is the fastest here."""

from jaxtyping import Float
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.selective_scan import cpu, gpu, reference


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """`reference.selective_scan`, compiled where there is something to compile with: C++, or Triton on a GPU.

    x, B and C may have fewer bits than dt, whose type the result has.
    """
    tensors = (x, dt, A, B, C) if D is None else (x, dt, A, B, C, D)
    if x.numel() > 0 and gpu.usable(*tensors):
        return gpu.selective_scan(x, dt=dt, A=A, B=B, C=C, D=D)
    x, b, c = (tensor.to(dt.dtype) for tensor in (x, B, C))
    by = cpu if x.numel() > 0 and call.usable(x, dt, A, b, c, *tensors[5:]) else reference
    return by.selective_scan(x, dt=dt, A=A, B=b, C=c, D=D)
