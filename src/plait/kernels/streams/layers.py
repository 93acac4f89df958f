"""Whole layers from a state to a state (see `mamba.cpp`, `transformer.cpp`).

Hidden states and states are rows with the batch axis first, as a layer's `step` has them, or tiles of sixteen
sequences (see `tiles.py`): `(tiles, time, d_model, 16)` and `(tiles, features, 16)`. There are no gradients.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels import call
from plait.kernels.streams.tiles import LANES


class Batch(NamedTuple):
    """`size` sequences, `time` tokens of each; `tiled` says how they lie."""

    size: int
    time: int
    tiled: bool

    def features(self, *shape: int) -> tuple[int, ...]:
        """The shape of a state of these features."""
        count = 1
        for extent in shape:
            count *= extent
        return (-(-self.size // LANES), count, LANES) if self.tiled else (self.size, *shape)


def usable(hidden: Tensor, parameters: tuple[Tensor, ...]) -> bool:
    """Whether the compiled step can take a single model's layer: on the CPU, float32 or float64, no gradients."""
    return not torch.is_grad_enabled() and parameters[0].ndim == 1 and call.usable(hidden, *parameters)


def mamba_advance(
    hidden: Tensor,
    state: tuple[Tensor, Tensor],
    parameters: tuple[Tensor, ...],
    *,
    batch: Batch,
    eps: float,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A Mamba-1 layer over `batch.time` more tokens: hidden states, and SSM state and convolution tail after them.

    `parameters` as `plait.kernels.mamba.mamba_layer` takes them, without a members axis.
    """
    d_inner, d_state = parameters[7].shape
    d_conv, dt_rank = parameters[2].shape[-1], parameters[5].shape[-1]
    hidden, weights = hidden.contiguous(), [p.contiguous() for p in parameters]
    before = [part.contiguous() for part in state]
    out = torch.empty_like(hidden)
    ssm, tail = torch.empty_like(before[0]), torch.empty_like(before[1])
    d_model = weights[0].shape[0]
    call.function("plait_stream_mamba", hidden.dtype)(
        call.integers((batch.size, batch.time, d_model, d_inner, d_state, d_conv, dt_rank, batch.tiled)), eps,
        call.pointers(weights), hidden.data_ptr(), out.data_ptr(), before[0].data_ptr(), ssm.data_ptr(),
        before[1].data_ptr(), tail.data_ptr(), call.threads(),
    )  # fmt: skip
    return out, (ssm, tail)


class Attended(NamedTuple):
    """Hidden states, the cache after them, and the attention margins where sources were given."""

    hidden: Tensor
    cache: Tensor
    margins: Float[Tensor, "batch time"] | None


def transformer_advance(
    hidden: Tensor,
    cache: Tensor,
    parameters: tuple[Tensor, ...],
    rotation: tuple[Float[Tensor, "pairs angles"], Float[Tensor, "pairs angles"]],
    *,
    batch: Batch,
    held: int,
    n_heads: int,
    window: int | None,
    eps: float,
    sources: Int[Tensor, "batch time"] | None = None,
) -> Attended:
    """A GPT-NeoX layer over `batch.time` more tokens, behind `held` cached ones.

    Args:
        parameters: as `plait.kernels.transformer.transformer_layer` takes them, without a members axis.
        rotation: cosines and sines of each pair's angle at the distances 0, 1, .., of the type of `hidden`; as many
            as the window or all tokens, whichever is less, and more if you like.
        sources: int32; how many places back the attention should look; margins are the score there less the
            largest other one (nats), of the head that leads most; meaningless where a source is negative.
    """
    d_model = parameters[0].shape[0]
    after = held + batch.time
    kept = after if window is None else min(after, window - 1)
    reach = after if window is None else min(after, window)
    hidden, weights, cache = hidden.contiguous(), [p.contiguous() for p in parameters], cache.contiguous()
    cos, sin = rotation
    if cos.shape[1] < reach:
        raise ValueError(f"angles of {reach} distances are needed, got {cos.shape[1]}")
    out = torch.empty_like(hidden)
    entries = hidden.new_empty(batch.features(kept, 2 * d_model))
    margins = None if sources is None else hidden.new_empty(batch.size, batch.time)
    shape = (batch.size, batch.time, d_model, n_heads, weights[8].shape[0], reach, *cos.shape, held, kept)
    call.function("plait_stream_transformer", hidden.dtype)(
        call.integers((*shape, batch.tiled)), eps, call.pointers(weights), cos.data_ptr(), sin.data_ptr(),
        hidden.data_ptr(), out.data_ptr(), cache.data_ptr(), entries.data_ptr(),
        None if sources is None else sources.contiguous().data_ptr(),
        None if margins is None else margins.data_ptr(), call.threads(),
    )  # fmt: skip
    return Attended(out, entries, margins)
