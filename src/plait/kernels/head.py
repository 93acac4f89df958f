"""Embedding and the head (final LayerNorm, tied unembedding, cross-entropy, accuracy) in compiled calls."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels import call
from plait.native import gpu


class Scores(NamedTuple):
    """Per member: mean cross-entropy in nats over its scored tokens, and how many of them the largest logit got."""

    loss: Float[Tensor, "members"]
    correct: Int[Tensor, "members"]
    scored: Int[Tensor, "members"]


def usable(embedding: Tensor) -> bool:
    """Whether `embed` and `head_loss` can take embeddings `(members, vocab, d_model)` like this one."""
    if embedding.is_cuda:
        return embedding.shape[-1] <= call.WIDEST_ON_GPU and gpu.usable(embedding)
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
        from plait.kernels.triton import head

        return Scores(*head.head_loss(hidden, norm, embedding, targets, eps=eps))
    return Scores(*_HeadLoss.apply(hidden, *norm, embedding, *targets, eps))  # type: ignore[misc]


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
        call.function("plait_head_loss", hidden.dtype)(
            call.integers((*hidden.shape, vocab)), eps, *(p.data_ptr() for p in parameters),
            call.integers([p.stride(0) for p in parameters]),
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


def embed(
    table: Float[Tensor, "members vocab d_model"], tokens: Int[Tensor, "members batch time"]
) -> Float[Tensor, "members batch time d_model"]:
    """The rows of each member's table; tokens must lie in [0, vocab)."""
    if table.is_cuda:
        from plait.kernels.triton import head

        return head.embed(table, tokens)
    return _Embed.apply(table, tokens)  # type: ignore[no-any-return]


class _Embed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        tokens, table = tokens.contiguous(), call.by_member(table)
        ctx.save_for_backward(tokens)
        ctx.vocab = table.shape[1]
        out = table.new_empty(*tokens.shape, table.shape[2])
        call.function("plait_embed", table.dtype)(
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
        call.function("plait_embed_backward", dout.dtype)(
            call.integers((*dout.shape, ctx.vocab)), tokens.data_ptr(), dout.data_ptr(), gradient.data_ptr(),
            call.threads(),
        )  # fmt: skip
        return gradient, None
