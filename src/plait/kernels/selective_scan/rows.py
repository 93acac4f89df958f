"""A scan of rows of sequences, given and taken in the shapes of the reference."""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor


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
