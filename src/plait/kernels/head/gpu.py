"""The head and the embedding on a GPU: what `cpu.cpp` is on the CPU, with the same arguments."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any

import torch
import triton
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.gpu_tiles import Tiling, padded, sum_parts, tiling_for
from plait.kernels.head import gpu_kernels
from plait.kernels.head import gpu_kernels as gpu_embedding
from plait.kernels.head.reference import Scores


def head_loss(
    hidden: Float[Tensor, "members batch time d_model"],
    norm: tuple[Float[Tensor, "members d_model"], Float[Tensor, "members d_model"]],
    embedding: Float[Tensor, "members vocab d_model"],
    targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
    *,
    eps: float,
    tiling: Tiling | None = None,
) -> Scores:
    """What `dispatch.head_loss` promises."""
    tiling = tiling or tiling_for(2 * hidden.shape[-1])
    return Scores(*_HeadLoss.apply(hidden, *norm, embedding, *targets, eps, tiling))  # type: ignore[misc]


_LOOKED_UP = 128
"""Tokens of a program that reads rows of the table."""


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        embedding: Tensor,
        targets: Tensor,
        scored: Tensor,
        eps: float,
        tiling: Tiling,
    ) -> tuple[Tensor, Tensor, Tensor]:
        hidden, targets, scored = hidden.contiguous(), targets.contiguous(), scored.contiguous()
        weight, bias, embedding = (call.by_member(p) for p in (weight, bias, embedding))
        members, rows = hidden.shape[0], hidden.shape[1] * hidden.shape[2]
        size = _size(hidden, embedding, tiling)
        lse = hidden.new_empty(members, rows, 2)
        parts = torch.empty(members, tiling.parts, 3, dtype=torch.float64, device=hidden.device)
        gpu_kernels.score[members, tiling.parts](
            hidden, weight, bias, embedding, targets, scored, lse, parts, weight.stride(0), bias.stride(0),
            embedding.stride(0), rows, eps, **size, **tiling.launch(tiling.score),
        )  # fmt: skip
        sums = torch.empty(members, 3, dtype=torch.float64, device=hidden.device)
        sum_parts(parts, sums)
        nats, right, seen = sums.unbind(1)
        ctx.save_for_backward(hidden, weight, bias, embedding, targets, scored, lse, seen)
        ctx.eps, ctx.tiling = eps, tiling
        correct, counted = right.long(), seen.long()
        ctx.mark_non_differentiable(correct, counted)
        return nats / seen.clamp(min=1.0), correct, counted

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dlosses: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, embedding, targets, scored, lse, seen = ctx.saved_tensors
        tiling = ctx.tiling
        members, vocab, d_model = embedding.shape
        rows = hidden.shape[1] * hidden.shape[2]
        size = _size(hidden, embedding, tiling)
        share = (dlosses / seen.clamp(min=1.0)).to(hidden.dtype)
        inputs = hidden, weight, bias, embedding, targets, scored, lse, share
        strides = weight.stride(0), bias.stride(0), embedding.stride(0)
        dhidden = torch.empty_like(hidden)
        by_norm = hidden.new_empty(members, tiling.parts, 2 * d_model)
        gpu_kernels.hidden_backward[members, tiling.parts](
            *inputs,
            dhidden,
            by_norm,
            *strides,
            rows,
            ctx.eps,
            **size,
            **tiling.launch(tiling.hidden_backward),
        )
        by_word = hidden.new_empty(members, tiling.parts, vocab * d_model)
        gpu_kernels.embedding_backward[members, tiling.parts, triton.cdiv(vocab, size["WORDS"])](
            *inputs, by_word, *strides, rows, ctx.eps, **size, **tiling.launch(tiling.embedding_backward)
        )
        dnorm, dwords = hidden.new_empty(members, 2 * d_model), hidden.new_empty(members, vocab * d_model)
        sum_parts(by_norm, dnorm)
        sum_parts(by_word, dwords)
        dweight, dbias = dnorm.split(d_model, dim=1)
        return dhidden, dweight, dbias, dwords.view_as(embedding), *(None,) * 4


def _size(hidden: Tensor, embedding: Tensor, tiling: Tiling) -> dict[str, Any]:
    vocab, d_model = embedding.shape[1:]
    return {
        "D": d_model, "V": vocab, "D_PAD": padded(d_model), "WORDS": min(padded(vocab), tiling.words),
    }  # fmt: skip


def embed(
    table: Float[Tensor, "members vocab d_model"],
    tokens: Int[Tensor, "members batch time"],
    *,
    tiling: Tiling | None = None,
) -> Float[Tensor, "members batch time d_model"]:
    """What `dispatch.embed` promises."""
    return _Embed.apply(table, tokens, tiling or tiling_for(2 * table.shape[-1]))  # type: ignore[no-any-return]


class _Embed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor, tiling: Tiling) -> Tensor:
        tokens, table = tokens.contiguous(), call.by_member(table)
        ctx.save_for_backward(tokens)
        ctx.vocab, ctx.tiling = table.shape[1], tiling
        out = table.new_empty(*tokens.shape, table.shape[2])
        rows = tokens[0].numel()
        gpu_embedding.look_up[len(tokens), triton.cdiv(rows, _LOOKED_UP)](
            table, tokens, out, table.stride(0), rows, D=table.shape[2], D_PAD=padded(table.shape[2], 1),
            ROWS=_LOOKED_UP, num_warps=4,
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        (tokens,) = ctx.saved_tensors
        dout, tiling = dout.contiguous(), ctx.tiling
        members, d_model = len(dout), dout.shape[-1]
        size = _size(dout, dout.new_empty(0, ctx.vocab, d_model), tiling)
        parts = dout.new_empty(members, tiling.parts, ctx.vocab * d_model)
        blocks = triton.cdiv(ctx.vocab, size["WORDS"])
        gpu_embedding.sum_by_word[members, tiling.parts, blocks](
            tokens, dout, parts, tokens[0].numel(), **size, **tiling.launch(tiling.sum_by_word)
        )
        gradient = dout.new_empty(members, ctx.vocab * d_model)
        sum_parts(parts, gradient)
        return gradient.view(members, ctx.vocab, d_model), None, None
