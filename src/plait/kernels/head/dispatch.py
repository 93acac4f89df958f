"""Embedding and the head (final LayerNorm, tied unembedding, cross-entropy, accuracy), each in one call.

In C++ (`cpu.cpp`) here, on a GPU in `gpu.py`; also on tiles of sixteen sequences (`stream.cpp`), on a CPU alone.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.call import LANES, tiles
from plait.kernels.head.reference import Scores
from plait.native.library import INTEGER, POINTER, REAL, triton_takes


def usable(embedding: Tensor) -> bool:
    """Whether `embed` and `head_loss` can take embeddings `(members, vocab, d_model)` like this one."""
    if embedding.is_cuda:
        return embedding.shape[-1] <= call.WIDEST_ON_GPU and triton_takes(embedding)
    return call.usable(embedding)


def head_loss(
    hidden: Float[Tensor, "members batch time d_model"],
    norm: tuple[Float[Tensor, "members d_model"], Float[Tensor, "members d_model"]],
    embedding: Float[Tensor, "members vocab d_model"],
    targets: tuple[Int[Tensor, "members batch time"], Bool[Tensor, "members batch time"]],
    *,
    eps: float,
) -> Scores:
    """Loss (float64) and counts of a batch; a member without a scored token has loss 0 and no gradient.

    A token counts as correct when its target is the first of the largest logits, as `argmax` has it.
    """
    if hidden.is_cuda:
        from plait.kernels.head import gpu

        return gpu.head_loss(hidden, norm, embedding, targets, eps=eps)
    return Scores(*_HeadLoss.apply(hidden, *norm, embedding, *targets, eps))  # type: ignore[misc]


def embed(
    table: Float[Tensor, "members vocab d_model"], tokens: Int[Tensor, "members batch time"]
) -> Float[Tensor, "members batch time d_model"]:
    """The rows of each member's table; tokens must lie in [0, vocab)."""
    if table.is_cuda:
        from plait.kernels.head import gpu

        return gpu.embed(table, tokens)
    return _Embed.apply(table, tokens)  # type: ignore[no-any-return]


_HEAD_LOSS = call.Kernel("plait_head_loss", (POINTER, REAL, *(POINTER,) * 11, INTEGER))
_EMBED = call.Kernel("plait_embed", (POINTER, POINTER, INTEGER, POINTER, POINTER, INTEGER))
_EMBED_BACKWARD = call.Kernel("plait_embed_backward", (*(POINTER,) * 4, INTEGER))


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
    ) -> tuple[Tensor, Tensor, Tensor]:
        hidden, targets, scored = hidden.contiguous(), targets.contiguous(), scored.contiguous()
        parameters = tuple(call.by_member(p) for p in (weight, bias, embedding))
        members, vocab = hidden.shape[0], embedding.shape[1]
        losses = torch.empty(members, dtype=torch.float64)
        counts = torch.empty(members, 2, dtype=torch.int64)
        with_gradients = any(ctx.needs_input_grad[:4])
        dhidden = torch.empty_like(hidden) if with_gradients else None
        packed = hidden.new_empty(members, (2 + vocab) * hidden.shape[-1]) if with_gradients else None
        _HEAD_LOSS.of(hidden.dtype)(
            call.integers((*hidden.shape, vocab)), eps, *(p.data_ptr() for p in parameters),
            call.strides(parameters),
            hidden.data_ptr(), targets.data_ptr(), scored.data_ptr(), losses.data_ptr(), counts.data_ptr(),
            None if dhidden is None else dhidden.data_ptr(), None if packed is None else packed.data_ptr(),
            call.threads(),
        )  # fmt: skip
        ctx.gradients = dhidden, packed
        correct, seen = counts.unbind(1)
        ctx.mark_non_differentiable(correct, seen)
        return losses, correct, seen

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dlosses: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        dhidden, packed = ctx.gradients
        members, d_model = dhidden.shape[0], dhidden.shape[-1]
        dlosses = dlosses.to(dhidden.dtype)
        if not bool((dlosses == 1).all()):
            dhidden = dhidden * dlosses.view(-1, 1, 1, 1)
            packed = packed * dlosses.view(-1, 1)
        weight, bias, embedding = packed.split((d_model, d_model, packed.shape[1] - 2 * d_model), dim=1)
        return dhidden, weight, bias, embedding.view(members, -1, d_model), None, None, None


class _Embed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        tokens, table = tokens.contiguous(), call.by_member(table)
        ctx.save_for_backward(tokens)
        ctx.vocab = table.shape[1]
        out = table.new_empty(*tokens.shape, table.shape[2])
        _EMBED.of(table.dtype)(
            call.integers((*out.shape, ctx.vocab)), table.data_ptr(), table.stride(0), tokens.data_ptr(),
            out.data_ptr(), call.threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
        (tokens,) = ctx.saved_tensors
        dout = dout.contiguous()
        gradient = dout.new_empty(dout.shape[0], ctx.vocab, dout.shape[-1])
        _EMBED_BACKWARD.of(dout.dtype)(
            call.integers((*dout.shape, ctx.vocab)), tokens.data_ptr(), dout.data_ptr(), gradient.data_ptr(),
            call.threads(),
        )  # fmt: skip
        return gradient, None


_EMBED_TILES = call.Kernel("plait_stream_embed", (*(POINTER,) * 4, INTEGER))
_HEAD = call.Kernel("plait_stream_head", (POINTER, REAL, *(POINTER,) * 7, INTEGER))


def stream_embed(
    table: Float[Tensor, "vocab d_model"], tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "tiles time d_model lanes"]:
    """The rows of the table, as tiles; tokens must lie in [0, vocab)."""
    batch, time = tokens.shape
    vocab, d_model = table.shape
    tokens, table = tokens.contiguous(), table.contiguous()
    hidden = table.new_empty(tiles(batch), time, d_model, LANES)
    _EMBED_TILES.of(table.dtype)(
        call.integers((batch, time, d_model, vocab)), table.data_ptr(), tokens.data_ptr(), hidden.data_ptr(),
        call.threads(),
    )  # fmt: skip
    return hidden


class Answers(NamedTuple):
    """`tokens`: the largest logit, of equals the first (None if not asked for). `gaps`: its lead (nats)."""

    gaps: Float[Tensor, "batch time"]
    tokens: Int[Tensor, "batch time"] | None


def stream_head(
    hidden: Float[Tensor, "tiles time d_model lanes"],
    norm: tuple[Float[Tensor, " d_model"], Float[Tensor, " d_model"]],
    table: Float[Tensor, "vocab d_model"],
    *,
    batch: int,
    eps: float,
    targets: Int[Tensor, "batch time"] | None = None,
) -> Answers:
    """The answer at every position; with targets, the lead of their logits over the largest other one instead.

    Where a target is negative the lead is infinite. A target is answered right where its lead is above 0: where a
    logit is not finite it is NaN, and so not right.
    """
    table, hidden = table.contiguous(), hidden.contiguous()
    n_tiles, time, d_model, _ = hidden.shape
    if n_tiles != tiles(batch):
        raise ValueError(f"{batch} sequences need {tiles(batch)} tiles, got {n_tiles}")
    gaps = hidden.new_empty(batch, time)
    answers = None if targets is not None else torch.empty(batch, time, dtype=torch.int64)
    wanted = None if targets is None else targets.contiguous()
    weight, bias = norm
    _HEAD.of(hidden.dtype)(
        call.integers((batch, time, d_model, table.shape[0])), eps, weight.data_ptr(), bias.data_ptr(),
        table.data_ptr(), hidden.data_ptr(), None if wanted is None else wanted.data_ptr(), gaps.data_ptr(),
        None if answers is None else answers.data_ptr(), call.threads(),
    )  # fmt: skip
    return Answers(gaps, answers)
