"""Dropout of many members in one pass in compiled code for the CPU (see `cpu.cpp`)."""

import torch
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.dropout.reference import Drops
from plait.native.library import INTEGER, POINTER, REAL

_DROPOUT = call.Kernel("plait_dropout", (INTEGER, INTEGER, *(POINTER,) * 3, REAL, POINTER, INTEGER))


def drop(hidden: Tensor, drops: Drops) -> Tensor:
    """What `reference.dropout` gives of contiguous `hidden`."""
    out = torch.empty_like(hidden)
    _DROPOUT.of(hidden.dtype)(
        len(hidden), hidden[0].numel(), hidden.data_ptr(), out.data_ptr(), drops.seeds.data_ptr(), 1.0 - drops.rate,
        drops.numbers(), call.threads(),
    )  # fmt: skip
    return out
