"""A whole GPT-NeoX layer in one call, by whichever kernels the device has.

In C++ (`cpu.cpp`) here, on a GPU in `gpu.py`; also on from a cache of keys and values (`stream.cpp`), on a CPU alone.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.call import Batch
from plait.kernels.dropout import Drops
from plait.kernels.neox.reference import Heads, NeoXWeights
from plait.native.library import INTEGER, POINTER, REAL, triton_takes


def usable(hidden: Tensor, weights: NeoXWeights) -> bool:
    """Whether `neox_layer` can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4):
        return False
    if hidden.is_cuda:
        widest = max(hidden.shape[-1], weights.d_mlp)
        return widest <= call.WIDEST_ON_GPU and triton_takes(hidden, *weights)
    return call.usable(hidden, *weights)


def neox_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    drops: Drops | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """LayerNorms, rotary sliding-window attention, SiLU MLP and residual, in parallel as GPT-NeoX has them.

    Args:
        eps: of the LayerNorms.
        drops: dropout of attention weights (by its draw), of what attention gives (the next draw), and of what the
            MLP gives (the one after).
    """
    if hidden.is_cuda:
        from plait.kernels.neox import gpu

        return gpu.neox_layer(hidden, weights, heads, eps=eps, drops=drops)
    missing = -hidden.shape[2] % 16  # lanes of the last tile
    cos, sin = (
        torch.nn.functional.pad(table.to(hidden.dtype), (0, missing)).contiguous()
        for table in (heads.cos, heads.sin)
    )
    heads = heads._replace(cos=cos, sin=sin)
    return _NeoXLayer.apply(hidden, heads, eps, drops, *weights)  # type: ignore[no-any-return]


_FORWARD = call.Kernel(
    "plait_neox_forward", (POINTER, REAL, *(POINTER,) * 6, REAL, POINTER, POINTER, INTEGER)
)
_BACKWARD = call.Kernel(
    "plait_neox_backward", (POINTER, REAL, *(POINTER,) * 6, REAL, *(POINTER,) * 4, INTEGER, INTEGER)
)


class _NeoXLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, heads: Heads, eps: float, drops: Drops | None, *given: Tensor
    ) -> Tensor:
        hidden, weights = hidden.contiguous(), NeoXWeights(*map(call.by_member, given))
        ctx.save_for_backward(hidden, *weights)
        ctx.told = heads, eps, drops
        out = torch.empty_like(hidden)
        _FORWARD.of(hidden.dtype)(
            *_told(hidden, weights, *ctx.told), hidden.data_ptr(), out.data_ptr(), call.threads()
        )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *saved = ctx.saved_tensors
        weights, dout = NeoXWeights(*saved), dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(call.weight_sizes(weights)))
        dhidden = torch.empty_like(hidden)
        _BACKWARD.of(hidden.dtype)(
            *_told(hidden, weights, *ctx.told), hidden.data_ptr(), dout.data_ptr(), dhidden.data_ptr(),
            packed.data_ptr(), call.ROWS_PER_GROUP, call.threads(),
        )  # fmt: skip
        return dhidden, *(None,) * 3, *call.split_gradients(packed, weights)


def _told(
    hidden: Tensor, weights: NeoXWeights, heads: Heads, eps: float, drops: Drops | None
) -> tuple[Any, ...]:
    """Shape, epsilon, weights, rotation and dropout, as both directions take them."""
    window = hidden.shape[2] if heads.window is None else heads.window
    shape = (*hidden.shape, heads.count, weights.d_mlp, window, len(heads.cos), heads.turned)
    dropped = (None, None, 1.0)
    if drops is not None:
        dropped = drops.seeds.data_ptr(), drops.numbers(), 1.0 - drops.rate
    tables = heads.cos.data_ptr(), heads.sin.data_ptr()
    return call.integers(shape), eps, call.pointers(weights), call.strides(weights), *tables, *dropped


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
