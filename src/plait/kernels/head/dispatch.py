"""Embedding and the head (final LayerNorm, tied unembedding, cross-entropy, accuracy), each in one call."""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.head import cpu
from plait.kernels.head.reference import Scores
from plait.native import gpu as device


def usable(embedding: Tensor) -> bool:
    """Whether `embed` and `head_loss` can take embeddings `(members, vocab, d_model)` like this one."""
    if embedding.is_cuda:
        return embedding.shape[-1] <= call.WIDEST_ON_GPU and device.usable(embedding)
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
    return cpu.head_loss(hidden, norm, embedding, targets, eps=eps)


def embed(
    table: Float[Tensor, "members vocab d_model"], tokens: Int[Tensor, "members batch time"]
) -> Float[Tensor, "members batch time d_model"]:
    """The rows of each member's table; tokens must lie in [0, vocab)."""
    if table.is_cuda:
        from plait.kernels.head import gpu

        return gpu.embed(table, tokens)
    return cpu.embed(table, tokens)
