"""A whole GPT-NeoX layer on a GPU, forward and backward: what `cpu.cpp` is on the CPU."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any, NamedTuple

import torch
import triton
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.gpu_tiles import Rows, Tiling, padded, sum_parts, tiling_for
from plait.kernels.dropout import Drops
from plait.kernels.dropout import gpu as masks
from plait.kernels.neox import gpu_stages
from plait.kernels.neox.gpu_attention import attend, attend_backward_keys, attend_backward_queries
from plait.kernels.neox.reference import Heads, NeoXWeights


def neox_layer(
    hidden: Float[Tensor, "members batch time d_model"],
    weights: NeoXWeights,
    heads: Heads,
    *,
    eps: float,
    drops: Drops | None = None,
    tiling: Tiling | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """What `dispatch.neox_layer` promises."""
    heads = _by_dimension(heads, hidden.shape[-1] // heads.count, hidden.dtype)
    tiling = tiling or tiling_for(max(hidden.shape[-1], weights.d_mlp))
    return _NeoXLayer.apply(hidden, heads, eps, (tiling, drops), *weights)  # type: ignore[no-any-return]


def _by_dimension(heads: Heads, width: int, dtype: torch.dtype) -> Heads:
    """Tables `(time, width)`: what multiplies a dimension itself, and its partner, `turned // 2` further on."""
    turned = heads.turned
    cos, sin = (torch.cat((table.to(dtype).T,) * 2, dim=1)[:, :turned] for table in (heads.cos, heads.sin))
    behind = turned - turned // 2
    rest = cos.shape[0], width - turned
    return heads._replace(
        cos=torch.cat((cos, cos.new_ones(rest)), dim=1),
        sin=torch.cat((-sin[:, :behind], sin[:, behind:], sin.new_zeros(rest)), dim=1),
    )


class _NeoXLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        heads: Heads,
        eps: float,
        options: tuple[Tiling, Drops | None],
        *given: Tensor,
    ) -> Tensor:
        hidden, weights = hidden.contiguous(), NeoXWeights(*map(call.by_member, given))
        cut = _Cut(hidden, weights, heads, eps, options)
        out, kept = _forward(cut, hidden, weights)
        ctx.save_for_backward(hidden, *weights, *kept)
        ctx.cut = cut
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        hidden, *saved = ctx.saved_tensors
        count = len(NeoXWeights._fields)
        weights, kept = NeoXWeights(*saved[:count]), _Kept(*saved[count:])
        dhidden, flat = _backward(ctx.cut, hidden, kept, weights, dout.contiguous())
        return dhidden, *(None,) * 3, *call.split_gradients(flat.unsqueeze(1), weights)


class _Kept(NamedTuple):
    """What the forward pass leaves for the backward pass."""

    qkv: Tensor
    attended: Tensor
    lse: Tensor


class _Cut:
    """Sizes of a layer and of its programs."""

    def __init__(
        self,
        hidden: Tensor,
        weights: NeoXWeights,
        heads: Heads,
        eps: float,
        options: tuple[Tiling, Drops | None],
    ) -> None:
        tiling, self.drops = options
        self.members, self.batch, self.time, self.D = hidden.shape
        self.heads, self.window, self.turned = heads.count, heads.reach(self.time), heads.turned
        self.rotation = heads.cos, heads.sin
        self.rows, self.eps, self.tiling = self.batch * self.time, eps, tiling
        self.width = self.D // self.heads
        self.scale = self.width**-0.5
        self.model = {"D": self.D, "D_PAD": padded(self.D)}
        self.turn = {"WIDTH": self.width, "TURNED": self.turned}
        U = weights.d_mlp
        self.mlp = {"U": U, "U_PAD": padded(U)}
        self.attention = {
            "D": self.D, "HEADS": self.heads, "WIDTH": self.width, "WIDTH_PAD": padded(self.width),
            "QUERIES": tiling.queries, "KEYS": tiling.keys, "PRECISION": tiling.precision,
            "num_warps": tiling.attention_warps, "num_stages": 1, **masks.switches(self.drops),
            "FOURS": self.time % 4 == 0,
        }  # fmt: skip

    def dropped(self, stand_in: Tensor, *, draws: int = 0) -> tuple[Any, ...]:
        """What kernels that drop are told, from the layer's first draw or `draws` after it."""
        return masks.arguments(self.drops and self.drops.after(draws), stand_in)

    def tiles(self, cut: Rows) -> tuple[int, int]:
        return self.members, triton.cdiv(self.rows, cut.rows)

    def attention_tiles(self, length: int) -> tuple[int, int, int]:
        return self.members * self.batch, self.heads, triton.cdiv(self.time, length)


def _columns(size: int) -> int:
    """Columns of queries, keys and values in one pass of `heads_backward`: more would not fit registers."""
    return min(padded(size), 32)


def _forward(cut: _Cut, hidden: Tensor, weights: NeoXWeights) -> tuple[Tensor, _Kept]:
    tiling, strides = cut.tiling, [weight.stride(0) for weight in weights]
    norm1, norm1_bias, norm2, norm2_bias, qkv_weight, qkv_bias, *rest = weights
    qkv = hidden.new_empty(cut.members, cut.rows, 3 * cut.D)
    gpu_stages.heads[cut.tiles(tiling.heads)](
        hidden, *cut.rotation, norm1, norm1_bias, qkv_weight, qkv_bias, qkv, *strides[:2], *strides[4:6], cut.rows,
        cut.time, cut.eps, **cut.model, **cut.turn, **tiling.launch(tiling.heads),
    )  # fmt: skip
    attended = torch.empty_like(hidden)
    lse = hidden.new_empty(cut.members * cut.batch, cut.heads, cut.time, 2)
    attend[cut.attention_tiles(tiling.queries)](
        qkv, attended, lse, cut.time, cut.window, cut.scale, cut.batch, *cut.dropped(hidden), **cut.attention
    )
    out = torch.empty_like(hidden)
    gpu_stages.combine[cut.tiles(tiling.combine)](
        hidden, attended, norm2, norm2_bias, *rest, out, *strides[2:4], *strides[6:], cut.rows, cut.eps,
        *cut.dropped(hidden, draws=1), **cut.model, **cut.mlp, **masks.switches(cut.drops),
        **tiling.launch(tiling.combine),
    )  # fmt: skip
    return out, _Kept(qkv, attended, lse)


def _backward(
    cut: _Cut,
    hidden: Tensor,
    kept: _Kept,
    weights: NeoXWeights,
    dout: Tensor,
) -> tuple[Tensor, Tensor]:
    """The gradient of `hidden`, and those of the weights `(members, total)`."""
    norm1, norm1_bias, norm2, norm2_bias, qkv_weight, _, dense, _, up, up_bias, down, _ = weights
    tiling = cut.tiling
    qkv, attended, lse = kept
    at, total = call.weight_places(weights._fields, weights)
    parts = cut.members, tiling.parts
    packed = hidden.new_empty(*parts, total)
    dattended, dhidden, dqkv = torch.empty_like(hidden), torch.empty_like(hidden), torch.empty_like(qkv)
    gpu_stages.combine_backward[parts](
        hidden, attended, dout, norm2, norm2_bias, dense, up, up_bias, down, dattended, dhidden, packed,
        norm2.stride(0), norm2_bias.stride(0), dense.stride(0), up.stride(0), up_bias.stride(0), down.stride(0),
        cut.rows, total, at["norm2"], at["dense"], at["up"], cut.eps,
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
    gpu_stages.heads_backward[parts](
        hidden, dqkv, *cut.rotation, norm1, norm1_bias, qkv_weight, dhidden, packed, norm1.stride(0),
        norm1_bias.stride(0), qkv_weight.stride(0), cut.rows, cut.time, total, at["norm1"], at["qkv"], cut.eps,
        COLUMNS=_columns(3 * cut.D), **cut.model, **cut.turn, **tiling.launch(tiling.heads_backward),
    )  # fmt: skip
    flat = hidden.new_empty(cut.members, total)
    sum_parts(packed, flat)
    return dhidden, flat
