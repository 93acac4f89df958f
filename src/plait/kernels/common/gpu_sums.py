"""Sums of the parts of a gradient, in the order of the parts, whatever else runs on the device."""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

_BLOCK = 512


@triton.jit
def _sum_parts(parts, out, n_parts, size, out_stride, BLOCK: tl.constexpr):
    member = tl.program_id(0).to(tl.int64)
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = index < size
    start = parts + member * n_parts * size
    total = tl.load(start + index, mask=inside, other=0.0)
    for part in range(1, n_parts):
        total += tl.load(start + part * size + index, mask=inside, other=0.0)
    tl.store(out + member * out_stride + index, total, mask=inside)


def sum_parts(parts: Float[Tensor, "members parts size"], out: Float[Tensor, "members size"]) -> None:
    """Fill `out`, whose members may lie apart, with the sums of contiguous `parts`."""
    members, n_parts, size = parts.shape
    grid = (members, triton.cdiv(size, _BLOCK))
    _sum_parts[grid](parts, out, n_parts, size, out.stride(0), BLOCK=_BLOCK, num_warps=4)
