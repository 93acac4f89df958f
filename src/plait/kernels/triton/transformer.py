"""A whole GPT-NeoX layer on a GPU, forward and backward: what `transformer_layer.cpp` is on the CPU."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any

import torch
import triton
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.kernels.dropout import Drops
from plait.kernels.triton import masks, transformer_backward, transformer_forward
from plait.kernels.triton.attention import attend, attend_backward_keys, attend_backward_queries
from plait.kernels.triton.reduce import sum_parts
from plait.kernels.triton.tiles import padded
from plait.kernels.triton.tilings import Rows, Tiling, tiling_for

_PARAMETERS = 12


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
    tiling: Tiling | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """What `plait.kernels.transformer.transformer_layer` computes, with the same arguments."""
    turned = 2 * rotation[0].shape[0] if turned is None else turned
    cos, sin = _by_dimension(rotation, turned, hidden.shape[-1] // n_heads, hidden.dtype)
    size = n_heads, min(window or hidden.shape[2], hidden.shape[2]), turned
    tiling = tiling or tiling_for(max(hidden.shape[-1], parameters[9].shape[-1]))
    return _TransformerLayer.apply(hidden, cos, sin, size, eps, (tiling, drops), *parameters)  # type: ignore[no-any-return]


def _by_dimension(
    rotation: tuple[Tensor, Tensor], turned: int, width: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """`(time, width)`: what multiplies a dimension itself, and its partner, `turned // 2` further on."""
    cos, sin = (torch.cat((table.to(dtype).T,) * 2, dim=1)[:, :turned] for table in rotation)
    behind = turned - turned // 2
    rest = cos.shape[0], width - turned
    return (
        torch.cat((cos, cos.new_ones(rest)), dim=1),
        torch.cat((-sin[:, :behind], sin[:, behind:], sin.new_zeros(rest)), dim=1),
    )


class _TransformerLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        cos: Tensor,
        sin: Tensor,
        size: tuple[int, int, int],
        eps: float,
        options: tuple[Tiling, Drops | None],
        *parameters: Tensor,
    ) -> Tensor:
        hidden = hidden.contiguous()
        parameters = tuple(call.by_member(p) for p in parameters)
        cut = _Cut(hidden, parameters, size, eps, options)
        out, kept = _forward(cut, hidden, (cos, sin), parameters)
        ctx.save_for_backward(hidden, cos, sin, *kept, *parameters)
        ctx.cut = cut
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, cos, sin, *saved = ctx.saved_tensors
        kept, parameters = tuple(saved[:-_PARAMETERS]), tuple(saved[-_PARAMETERS:])
        dhidden, flat = _backward(ctx.cut, hidden, (cos, sin), kept, parameters, dout.contiguous())
        return dhidden, *(None,) * 5, *call.split_gradients(flat.unsqueeze(1), parameters)


class _Cut:
    """Sizes of a layer and of its programs."""

    def __init__(
        self,
        hidden: Tensor,
        parameters: tuple[Tensor, ...],
        size: tuple[int, int, int],
        eps: float,
        options: tuple[Tiling, Drops | None],
    ) -> None:
        tiling, self.drops = options
        self.members, self.batch, self.time, self.D = hidden.shape
        self.heads, self.window, self.turned = size
        self.rows, self.eps, self.tiling = self.batch * self.time, eps, tiling
        self.width = self.D // self.heads
        self.scale = self.width**-0.5
        self.model = {"D": self.D, "D_PAD": padded(self.D)}
        self.turn = {"WIDTH": self.width, "TURNED": self.turned}
        U = parameters[9].shape[1]
        self.mlp = {"U": U, "U_PAD": padded(U)}
        self.attention = {
            "D": self.D, "HEADS": self.heads, "WIDTH": self.width, "WIDTH_PAD": padded(self.width),
            "QUERIES": tiling.queries, "KEYS": tiling.keys, "PRECISION": tiling.precision,
            "num_warps": tiling.attention_warps, "num_stages": 1, **masks.switches(self.drops),
            "FOURS": self.time % 4 == 0,
        }  # fmt: skip

    def dropped(self, stand_in: Tensor, *, draws: int = 0) -> tuple[Any, ...]:
        """What kernels that drop are told, from the layer's first draw or `draws` after it."""
        drops = self.drops and self.drops._replace(draw=self.drops.draw + draws)
        return masks.arguments(drops, stand_in)

    def tiles(self, cut: Rows) -> tuple[int, int]:
        return self.members, triton.cdiv(self.rows, cut.rows)

    def attention_tiles(self, length: int) -> tuple[int, int, int]:
        return self.members * self.batch, self.heads, triton.cdiv(self.time, length)


def _columns(size: int) -> int:
    """Columns of queries, keys and values in one pass of `heads_backward`: more would not fit registers."""
    return min(padded(size), 32)


def _forward(
    cut: _Cut, hidden: Tensor, rotation: tuple[Tensor, Tensor], parameters: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    tiling, strides = cut.tiling, [p.stride(0) for p in parameters]
    norm1, norm1_bias, norm2, norm2_bias, qkv_weight, qkv_bias, *rest = parameters
    qkv = hidden.new_empty(cut.members, cut.rows, 3 * cut.D)
    transformer_forward.heads[cut.tiles(tiling.heads)](
        hidden, *rotation, norm1, norm1_bias, qkv_weight, qkv_bias, qkv, *strides[:2], *strides[4:6], cut.rows,
        cut.time, cut.eps, **cut.model, **cut.turn, **tiling.launch(tiling.heads),
    )  # fmt: skip
    attended = torch.empty_like(hidden)
    lse = hidden.new_empty(cut.members * cut.batch, cut.heads, cut.time, 2)
    attend[cut.attention_tiles(tiling.queries)](
        qkv, attended, lse, cut.time, cut.window, cut.scale, cut.batch, *cut.dropped(hidden), **cut.attention
    )
    out = torch.empty_like(hidden)
    transformer_forward.combine[cut.tiles(tiling.combine)](
        hidden, attended, norm2, norm2_bias, *rest, out, *strides[2:4], *strides[6:], cut.rows, cut.eps,
        *cut.dropped(hidden, draws=1), **cut.model, **cut.mlp, **masks.switches(cut.drops),
        **tiling.launch(tiling.combine),
    )  # fmt: skip
    return out, (qkv, attended, lse)


def _backward(
    cut: _Cut,
    hidden: Tensor,
    rotation: tuple[Tensor, Tensor],
    kept: tuple[Tensor, ...],
    parameters: tuple[Tensor, ...],
    dout: Tensor,
) -> tuple[Tensor, Tensor]:
    """The gradient of `hidden`, and those of the parameters `(members, total)`."""
    norm1, norm1_bias, norm2, norm2_bias, qkv_weight, _, dense, _, up, up_bias, down, _ = parameters
    tiling, strides = cut.tiling, [p.stride(0) for p in parameters]
    qkv, attended, lse = kept
    sizes = [p[0].numel() for p in parameters]
    total, at = sum(sizes), [sum(sizes[:i]) for i in range(_PARAMETERS)]
    parts = cut.members, tiling.parts
    packed = hidden.new_empty(*parts, total)
    dattended, dhidden, dqkv = torch.empty_like(hidden), torch.empty_like(hidden), torch.empty_like(qkv)
    transformer_backward.combine_backward[parts](
        hidden, attended, dout, norm2, norm2_bias, dense, up, up_bias, down, dattended, dhidden, packed, *strides[2:4],
        strides[6], strides[8], strides[9], strides[10], cut.rows, total, at[2], at[6], at[8], cut.eps,
        *cut.dropped(hidden, draws=1), **cut.model, **cut.mlp, **masks.switches(cut.drops),
        **tiling.launch(tiling.combine_backward),
    )  # fmt: skip
    means = lse.new_empty(lse.shape[:-1])
    for kernel, length in (
        (attend_backward_queries, tiling.queries),
        (attend_backward_keys, tiling.keys),
    ):
        kernel[cut.attention_tiles(length)](
            qkv,
            lse,
            dattended,
            dqkv,
            means,
            cut.time,
            cut.window,
            cut.scale,
            cut.batch,
            *cut.dropped(hidden),
            **cut.attention,
        )
    transformer_backward.heads_backward[parts](
        hidden, dqkv, *rotation, norm1, norm1_bias, qkv_weight, dhidden, packed, *strides[:2], strides[4], cut.rows,
        cut.time, total, at[0], at[4], cut.eps, COLUMNS=_columns(3 * cut.D), **cut.model, **cut.turn,
        **tiling.launch(tiling.heads_backward),
    )  # fmt: skip
    flat = hidden.new_empty(cut.members, total)
    sum_parts(packed, flat)
    return dhidden, flat
