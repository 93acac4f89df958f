"""Dropout on a GPU, the same entries and the same bits as on the CPU: alone, or as masks in tiles of other kernels.

Masks are computed where they are needed, as `masks.hpp` does it on the CPU. Every kernel that drops takes the same
arguments: `seeds` of the members; `clock`, the step where it lies on the device (HELD); else `step`; `draw` and
`purpose`; `limit`, the words of 2^32 that keep an entry; `inverse`, its factor then.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from plait.kernels.dropout.reference import Drops
from plait.native.philox_gpu import philox

_BLOCK = 128
"""Blocks of four numbers that a program draws."""


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


@triton.jit
def factors(
    seed, first, column, draw, step, purpose, limit, inverse, COLUMNS: tl.constexpr, FOURS: tl.constexpr
):  # fmt: skip
    """`inverse` for the entries `first[:, None] + column + (0 .. COLUMNS - 1)` of a draw that are kept, 0 for others.

    FOURS: `first` and `column` are multiples of four, as blocks of a stream are, and a block is computed once.
    """
    if FOURS:
        block = ((first + column) // 4)[:, None] + tl.arange(0, COLUMNS // 4)[None, :]
        word0, word1, word2, word3 = philox(seed, block, draw, step, purpose)
        word = tl.interleave(tl.interleave(word0, word2), tl.interleave(word1, word3))
    else:
        index = (first + column)[:, None] + tl.arange(0, COLUMNS)[None, :]
        word0, word1, word2, word3 = philox(seed, index // 4, draw, step, purpose)
        place = index % 4
        word = tl.where(place < 2, tl.where(place == 0, word0, word1), tl.where(place == 2, word2, word3))
    return tl.where(word.to(tl.uint64) < limit.to(tl.uint64), inverse, 0.0)


def arguments(drops: Drops | None, stand_in: Tensor) -> tuple[Any, ...]:
    """`seeds, clock, draw, step, purpose, limit, inverse`; `stand_in` is an address for what is not read."""
    if drops is None:
        return stand_in, stand_in, 0, 0, 0, 0, 1.0
    stream = drops.stream
    held = isinstance(stream.step, Tensor)
    clock, step = (stream.step, 0) if held else (drops.seeds, stream.step)
    return drops.seeds, clock, drops.draw, step, stream.purpose, drops.share, 1.0 / (1.0 - drops.rate)


def switches(drops: Drops | None) -> dict[str, bool]:
    return {"DROP": drops is not None, "HELD": drops is not None and isinstance(drops.stream.step, Tensor)}
