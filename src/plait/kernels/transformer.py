"""A whole GPT-NeoX layer in one compiled call, forward and backward (see `transformer_layer.cpp`)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.kernels.dropout import Drops
from plait.native import gpu


def usable(hidden: Tensor, parameters: tuple[Tensor, ...]) -> bool:
    """Whether `transformer_layer` can take these tensors: their type, device and sizes."""
    if hidden.ndim not in (3, 4):
        return False
    if hidden.is_cuda:
        sizes = hidden.shape[-1], parameters[9].shape[-1]
        return max(sizes) <= call.WIDEST_ON_GPU and gpu.usable(hidden, *parameters)
    return call.usable(hidden, *parameters)


def transformer_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    parameters: tuple[Tensor, ...],
    rotation: tuple[Float[Tensor, "pairs time"], Float[Tensor, "pairs time"]],
    *,
    n_heads: int,
    window: int | None,
    eps: float,
    turned: int | None = None,
    drops: Drops | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """LayerNorms, rotary sliding-window attention, SiLU MLP and residual, in parallel as GPT-NeoX has them.

    Args:
        parameters: each with a leading members axis: input norm weight and bias, second norm weight and bias
            (d_model), query_key_value (3 d_model, d_model) by heads and bias, dense (d_model, d_model) and bias, MLP
            up (d_mlp, d_model) and bias, MLP down (d_model, d_mlp) and bias.
        rotation: cosines and sines of the rotary angle of each pair of dimensions at each position.
        window: tokens that a query sees, itself included; None = all.
        eps: of the LayerNorms.
        turned: dimensions of a head that turn, 2 * pairs unless given; 2 * pairs - 1 as `plait.layers.rope` says.
        drops: dropout of attention weights (by its draw), of what attention gives (the next draw), and of what the
            MLP gives (the one after).
    """
    turned = 2 * rotation[0].shape[0] if turned is None else turned
    if hidden.is_cuda:
        from plait.kernels.triton import transformer

        return transformer.transformer_layer(
            hidden, parameters, rotation, n_heads=n_heads, window=window, eps=eps, turned=turned, drops=drops
        )
    time = hidden.shape[2]
    lanes = -(-time // 16) * 16
    cos, sin = (torch.nn.functional.pad(r.to(hidden.dtype), (0, lanes - time)).contiguous() for r in rotation)
    size = n_heads, window or time, turned
    return _TransformerLayer.apply(hidden, cos, sin, size, eps, drops, *parameters)  # type: ignore[no-any-return]


class _TransformerLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        cos: Tensor,
        sin: Tensor,
        size: tuple[int, int, int],
        eps: float,
        drops: Drops | None,
        *parameters: Tensor,
    ) -> Tensor:
        hidden = hidden.contiguous()
        parameters = tuple(call.by_member(p) for p in parameters)
        ctx.save_for_backward(hidden, cos, sin, *parameters)
        ctx.eps, ctx.drops = eps, drops
        n_heads, window, turned = size
        ctx.shape = (*hidden.shape, n_heads, parameters[8].shape[1], window, cos.shape[0], turned)
        out = torch.empty_like(hidden)
        call.function("plait_transformer_forward", hidden.dtype)(
            call.integers(ctx.shape), eps, call.pointers(parameters), _strides(parameters),
            cos.data_ptr(), sin.data_ptr(), *_dropped(drops), hidden.data_ptr(), out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, cos, sin, *parameters = ctx.saved_tensors
        dout = dout.contiguous()
        members, batch = hidden.shape[:2]
        groups = -(-batch // call.ROWS_PER_GROUP)
        packed = hidden.new_empty(members, groups, sum(p[0].numel() for p in parameters))
        dhidden = torch.empty_like(hidden)
        call.function("plait_transformer_backward", hidden.dtype)(
            call.integers(ctx.shape), ctx.eps, call.pointers(parameters), _strides(parameters),
            cos.data_ptr(), sin.data_ptr(), *_dropped(ctx.drops), hidden.data_ptr(), dout.data_ptr(),
            dhidden.data_ptr(), packed.data_ptr(), call.ROWS_PER_GROUP, call.threads(),
        )  # fmt: skip
        return dhidden, *(None,) * 5, *call.split_gradients(packed, parameters)


def _strides(parameters: tuple[Tensor, ...] | list[Tensor]) -> Any:
    return call.integers([p.stride(0) for p in parameters])


def _dropped(drops: Drops | None) -> tuple[Any, Any, float]:
    """Seeds, stream and the share that is kept."""
    return (None, None, 1.0) if drops is None else (drops.seeds.data_ptr(), drops.numbers(), 1.0 - drops.rate)
