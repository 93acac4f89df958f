"""A whole GPT-NeoX layer in compiled code for the CPU, forward and backward (see `cpu.cpp`)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.dropout import Drops
from plait.kernels.neox.reference import Heads, NeoXWeights
from plait.native.library import INTEGER, POINTER, REAL

_FORWARD = call.Kernel(
    "plait_neox_forward", (POINTER, REAL, *(POINTER,) * 6, REAL, POINTER, POINTER, INTEGER)
)
_BACKWARD = call.Kernel(
    "plait_neox_backward", (POINTER, REAL, *(POINTER,) * 6, REAL, *(POINTER,) * 4, INTEGER, INTEGER)
)


def neox_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    drops: Drops | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """What `dispatch.neox_layer` promises."""
    missing = -hidden.shape[2] % 16  # lanes of the last tile
    cos, sin = (
        torch.nn.functional.pad(table.to(hidden.dtype), (0, missing)).contiguous()
        for table in (heads.cos, heads.sin)
    )
    heads = heads._replace(cos=cos, sin=sin)
    return _NeoXLayer.apply(hidden, heads, eps, drops, *weights)  # type: ignore[no-any-return]


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
