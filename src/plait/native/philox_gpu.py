"""Philox4x32-10 on a GPU, the same integers as `plait.random.philox4x32`, in one kernel."""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import torch
import triton
import triton.language as tl
from jaxtyping import Int
from torch import Tensor

_BLOCK = 128
"""Counters of a program."""


@triton.jit
def philox(seed, block, draw, step, purpose):
    """The four words of each counter (block, draw, step, purpose), uint32 tiles of the shape of `block`."""
    mask: tl.constexpr = 0xFFFFFFFF
    key0, key1 = (seed & mask).to(tl.uint64), ((seed >> 32) & mask).to(tl.uint64)
    c0 = block.to(tl.uint32)
    zero = c0 & 0
    c1, c2, c3 = zero | draw.to(tl.uint32), zero | step.to(tl.uint32), zero | purpose.to(tl.uint32)
    for _ in tl.static_range(10):
        # Both factors are words, so that a product is one instruction.
        product0, product1 = c0.to(tl.uint64) * 0xD2511F53, c2.to(tl.uint64) * 0xCD9E8D57
        c0 = (product1 >> 32).to(tl.uint32) ^ c1 ^ key0.to(tl.uint32)
        c2 = (product0 >> 32).to(tl.uint32) ^ c3 ^ key1.to(tl.uint32)
        c1, c3 = product1.to(tl.uint32), product0.to(tl.uint32)
        key0, key1 = (key0 + 0x9E3779B9) & mask, (key1 + 0xBB67AE85) & mask
    return c0, c1, c2, c3


@triton.jit(do_not_specialize=["draw", "step", "purpose"])
def _words(seeds, out, step_held, draw, step, purpose, n, HELD: tl.constexpr, BLOCK: tl.constexpr):
    member = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    if HELD:
        step = tl.load(step_held)
    words = philox(tl.load(seeds + member), block, draw, step, purpose)
    out += member * n
    for word in tl.static_range(4):
        index = block * 4 + word
        tl.store(out + index, words[word].to(tl.int64), mask=index < n)


def philox_words(
    seeds: Int[Tensor, "members"], n: int, tail: tuple[int, int | Int[Tensor, ""], int]
) -> Int[Tensor, "members n"]:
    """The first `n` words of each seed's stream `tail` = (draw, step, purpose); a tensor step stays where it is."""
    draw, step, purpose = tail
    held = isinstance(step, Tensor)
    out = torch.empty(len(seeds), n, dtype=torch.int64, device=seeds.device)
    grid = len(seeds), triton.cdiv(n, 4 * _BLOCK)
    number = 0 if held else step
    _words[grid](
        seeds.contiguous(),
        out,
        step if held else seeds,
        draw,
        number,
        purpose,
        n,
        HELD=held,
        BLOCK=_BLOCK,
        num_warps=4,
    )
    return out
