"""A Mamba-1 layer that goes on from a state, in compiled code for the CPU (see `stream.cpp`)."""

import torch
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.common.stream import Batch
from plait.kernels.mamba.weights import MambaWeights
from plait.native.library import INTEGER, POINTER, REAL

_ADVANCE = call.Kernel("plait_stream_mamba", (POINTER, REAL, *(POINTER,) * 7, INTEGER))


def mamba_advance(
    hidden: Tensor, state: tuple[Tensor, Tensor], weights: MambaWeights, *, batch: Batch, eps: float
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The layer over `batch.time` more tokens: hidden states, and SSM state and convolution tail after them.

    `weights` have no members axis.
    """
    hidden, weights = hidden.contiguous(), MambaWeights(*(weight.contiguous() for weight in weights))
    before = [part.contiguous() for part in state]
    out = torch.empty_like(hidden)
    ssm, tail = torch.empty_like(before[0]), torch.empty_like(before[1])
    shape = (batch.size, batch.time, weights.norm.shape[0], *weights.widths, batch.tiled)
    _ADVANCE.of(hidden.dtype)(
        call.integers(shape), eps, call.pointers(weights), hidden.data_ptr(), out.data_ptr(), before[0].data_ptr(),
        ssm.data_ptr(), before[1].data_ptr(), tail.data_ptr(), call.threads(),
    )  # fmt: skip
    return out, (ssm, tail)
