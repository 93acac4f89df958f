"""The selective scan by whichever implementation is the fastest here: in C++ (see `scan.hpp`), Triton, or PyTorch."""

from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.selective_scan import gpu, reference
from plait.kernels.selective_scan.reference import scan_rows
from plait.native.library import INTEGER, POINTER


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
    scan: Scan = reference.selective_scan
    if x.numel() > 0 and call.usable(*tensors):
        scan = compiled_scan
    elif x.numel() > 0 and gpu.usable(*tensors):
        scan = gpu.selective_scan
    return scan(x, dt=dt, A=A, B=B, C=C, D=D)


_FORWARD = call.Kernel("plait_scan_forward", (*(POINTER,) * 9, INTEGER))
_BACKWARD = call.Kernel("plait_scan_backward", (*(POINTER,) * 12, INTEGER))


def compiled_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, in float32 or float64."""
    return scan_rows(_Scan.apply, x, dt=dt, A=A, B=B, C=C, D=D)  # pyright: ignore[reportArgumentType]


def scan_from(
    state: Float[Tensor, "batch d_inner d_state"],
    x: Float[Tensor, "batch time d_inner"],
    *,
    dt: Float[Tensor, "batch time d_inner"],
    A: Float[Tensor, "d_inner d_state"],
    B: Float[Tensor, "batch time d_state"],
    C: Float[Tensor, "batch time d_state"],
) -> tuple[Float[Tensor, "batch time d_inner"], Float[Tensor, "batch d_inner d_state"]]:
    """The scan from `state` without the skip, and the state after the last token; not differentiable."""
    inputs = tuple(tensor.detach().contiguous() for tensor in (x, dt, A.unsqueeze(0), B, C))
    return _forward(inputs, state.detach().contiguous())


def _forward(inputs: tuple[Tensor, ...], state: Tensor | None) -> tuple[Tensor, Tensor]:
    """What is read, and the last states."""
    x, _, A = inputs[:3]
    y, last = torch.empty_like(x), x.new_empty(x.shape[0], *A.shape[1:])
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in (*inputs, state, y, last)]
    _FORWARD.of(x.dtype)(_shape(inputs), *pointers, call.threads())
    return y, last


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        inputs = tuple(tensor.contiguous() for tensor in (x, dt, A, B, C))
        ctx.save_for_backward(*inputs)
        return _forward(inputs, None)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        inputs = ctx.saved_tensors
        x, _, A = inputs[:3]
        dy = dy.contiguous()
        dx, ddt, dB, dC = (torch.empty_like(t) for t in (x, inputs[1], *inputs[3:]))
        dA = x.new_empty(x.shape[0], *A.shape[1:])
        _BACKWARD.of(x.dtype)(
            _shape(inputs), *(t.data_ptr() for t in (*inputs, dy, dx, ddt, dA, dB, dC)), call.threads()
        )
        return dx, ddt, dA.view(A.shape[0], -1, *A.shape[1:]).sum(1), dB, dC


def _shape(inputs: tuple[Tensor, ...]) -> Any:
    x, _, A = inputs[:3]
    return call.integers((*x.shape, A.shape[-1], max(1, x.shape[0] // A.shape[0])))
