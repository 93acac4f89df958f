"""Masks of dropout in tiles, computed where they are needed: what `masks.hpp` is on the CPU, the same entries.

Every kernel that drops takes the same arguments: `seeds` of the members; `clock`, the step where it lies on the device
(HELD); else `step`; `draw` and `purpose`; `limit`, the words of 2^32 that keep an entry; `inverse`, its factor then.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from plait.kernels.dropout.reference import Drops
from plait.native.philox_gpu import philox


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
