"""A GPT-NeoX layer that goes on from a cache of keys and values, in compiled code for the CPU (see `stream.cpp`)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.common.stream import Batch
from plait.kernels.neox.reference import Heads, NeoXWeights
from plait.native.library import INTEGER, POINTER, REAL

_ADVANCE = call.Kernel("plait_stream_neox", (POINTER, REAL, *(POINTER,) * 9, INTEGER))


class Attended(NamedTuple):
    """Hidden states, the cache after them, and the attention margins where sources were given."""

    hidden: Tensor
    cache: Tensor
    margins: Float[Tensor, "batch time"] | None


def neox_advance(
    hidden: Tensor,
    cache: tuple[Tensor, int],
    weights: NeoXWeights,
    heads: Heads,
    *,
    batch: Batch,
    eps: float,
    sources: Int[Tensor, "batch time"] | None = None,
) -> Attended:
    """The layer over `batch.time` more tokens.

    Args:
        cache: keys and values, and of how many tokens.
        weights: without a members axis.
        heads: with angles of distances, of the type of `hidden`; `turned` twice as many.
        sources: int32; how many places back the attention should look; margins are the score there less the
            largest other one (nats), of the head that leads most; meaningless where a source is negative.
    """
    before, held = cache[0].contiguous(), cache[1]
    after = held + batch.time
    kept, reach = heads.kept(after), heads.reach(after)
    hidden, weights = hidden.contiguous(), NeoXWeights(*(weight.contiguous() for weight in weights))
    if heads.cos.shape[1] < reach:
        raise ValueError(f"angles of {reach} distances are needed, got {heads.cos.shape[1]}")
    d_model = weights.norm1.shape[0]
    out = torch.empty_like(hidden)
    entries = hidden.new_empty(batch.features(kept, 2 * d_model))
    wanted = None if sources is None else sources.contiguous()
    margins = None if sources is None else hidden.new_empty(batch.size, batch.time)
    shape = (batch.size, batch.time, d_model, heads.count, weights.d_mlp, reach, *heads.cos.shape, held, kept)
    _ADVANCE.of(hidden.dtype)(
        call.integers((*shape, batch.tiled)), eps, call.pointers(weights), heads.cos.data_ptr(), heads.sin.data_ptr(),
        hidden.data_ptr(), out.data_ptr(), before.data_ptr(), entries.data_ptr(),
        None if wanted is None else wanted.data_ptr(),
        None if margins is None else margins.data_ptr(), call.threads(),
    )  # fmt: skip
    return Attended(out, entries, margins)
