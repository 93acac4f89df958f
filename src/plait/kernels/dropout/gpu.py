"""Dropout on a GPU: what `cpu.py` is on the CPU, the same entries and the same bits."""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from plait.kernels.dropout.reference import Drops
from plait.native.philox_gpu import philox

_BLOCK = 128


@triton.jit(do_not_specialize=["draw", "step", "purpose"])
def _drop(
    hidden, out, seeds, step_held, share, kept, draw, step, purpose, n, HELD: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    member = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    if HELD:
        step = tl.load(step_held)
    words = philox(tl.load(seeds + member), block, draw, step, purpose)
    hidden += member * n
    out += member * n
    limit = share.to(tl.uint64)
    for word in tl.static_range(4):
        index = block * 4 + word
        value = tl.load(hidden + index, mask=index < n, other=0.0)
        value = tl.where(words[word] < limit, tl.div_rn(value, kept), 0.0)
        tl.store(out + index, value, mask=index < n)


def drop(hidden: Tensor, drops: Drops) -> Tensor:
    """What `reference.dropout` gives of contiguous `hidden`; a tensor step stays on the device."""
    out = torch.empty_like(hidden)
    n = hidden[0].numel()
    held = isinstance(drops.stream.step, Tensor)
    grid = len(hidden), triton.cdiv(n, 4 * _BLOCK)
    _drop[grid](
        hidden, out, drops.seeds, drops.stream.step if held else drops.seeds, drops.share, 1.0 - drops.rate, drops.draw,
        0 if held else drops.stream.step, drops.stream.purpose, n, HELD=held, BLOCK=_BLOCK, num_warps=4,
    )  # fmt: skip
    return out
