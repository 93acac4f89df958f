"""The selective scan, one position after the other, in plain PyTorch.

    state_t = exp(dt_t A) * state_{t-1} + dt_t B_t x_t          one state a channel and state index
    y_t     = sum over the state index of C_t * state_t + D x_t

Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752,
section 3. Every faster kernel is tested against this file.
"""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor


def selective_scan(
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """The outputs `y` of a scan from a zero state.

    Args:
        x: inputs; with a members axis in `A` and `D`, `*batch` starts with the same axis.
        dt: step sizes, positive (after softplus).
        A: decay rates, negative.
        B: what of the input each state takes up.
        C: what of each state the output reads.
        D: the skip from input to output; None for an output without.
    """
    state = x.new_zeros(*x.shape[:-2], x.shape[-1], A.shape[-1])
    skip = A.new_zeros(A.shape[:-1]) if D is None else D
    outputs: list[Tensor] = []
    for position in range(x.shape[-2]):
        here = (..., position, slice(None))
        y, state = selective_step(x[here], state, dt=dt[here], A=A, B=B[here], C=C[here], D=skip)
        outputs.append(y)
    return torch.stack(outputs, dim=-2) if outputs else torch.zeros_like(x)


def selective_step(
    x: Float[Tensor, "*batch d_inner"],
    state: Float[Tensor, "*batch d_inner d_state"],
    *,
    dt: Float[Tensor, "*batch d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch d_state"],
    C: Float[Tensor, "*batch d_state"],
    D: Float[Tensor, "*members d_inner"],
) -> tuple[Float[Tensor, "*batch d_inner"], Float[Tensor, "*batch d_inner d_state"]]:
    """One position of the scan: its output and the state after it."""
    between = (1,) * (x.ndim - D.ndim)
    rates = A.reshape(*A.shape[:-2], *between, *A.shape[-2:])
    skip = D.reshape(*D.shape[:-1], *between, D.shape[-1])
    state = torch.exp(dt.unsqueeze(-1) * rates) * state + (dt * x).unsqueeze(-1) * B.unsqueeze(-2)
    y = (state * C.unsqueeze(-2)).sum(-1) + skip * x
    return y, state


class RowScan(Protocol):
    """A scan without the skip; row `i` is of the member `i * members // rows`."""

    def __call__(
        self,
        x: Float[Tensor, "rows time d_inner"],
        dt: Float[Tensor, "rows time d_inner"],
        A: Float[Tensor, "members d_inner d_state"],
        B: Float[Tensor, "rows time d_state"],
        C: Float[Tensor, "rows time d_state"],
        /,
    ) -> Float[Tensor, "rows time d_inner"]: ...


def scan_rows(
    scan: RowScan,
    x: Float[Tensor, "*batch time d_inner"],
    *,
    dt: Float[Tensor, "*batch time d_inner"],
    A: Float[Tensor, "*members d_inner d_state"],
    B: Float[Tensor, "*batch time d_state"],
    C: Float[Tensor, "*batch time d_state"],
    D: Float[Tensor, "*members d_inner"] | None,
) -> Float[Tensor, "*batch time d_inner"]:
    """What `reference.selective_scan` gives, from `scan` and the skip."""
    rows = x.shape[:-2].numel()
    y = scan(
        x.reshape(rows, *x.shape[-2:]),
        dt.reshape(rows, *dt.shape[-2:]),
        A.reshape(-1, *A.shape[-2:]),
        B.reshape(rows, *B.shape[-2:]),
        C.reshape(rows, *C.shape[-2:]),
    )
    if D is None:
        return y.reshape(x.shape)
    skip = D.reshape(*D.shape[:-1], *(1,) * (x.ndim - D.ndim), D.shape[-1])
    return y.reshape(x.shape) + skip * x
