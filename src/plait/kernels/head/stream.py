"""Embedding and head on tiles of sixteen sequences, in compiled code for the CPU (see `stream.cpp`)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.common.stream import LANES, tiles
from plait.native.library import INTEGER, POINTER, REAL

_EMBED = call.Kernel("plait_stream_embed", (*(POINTER,) * 4, INTEGER))
_HEAD = call.Kernel("plait_stream_head", (POINTER, REAL, *(POINTER,) * 7, INTEGER))


def stream_embed(
    table: Float[Tensor, "vocab d_model"], tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "tiles time d_model lanes"]:
    """The rows of the table, as tiles; tokens must lie in [0, vocab)."""
    batch, time = tokens.shape
    vocab, d_model = table.shape
    tokens, table = tokens.contiguous(), table.contiguous()
    hidden = table.new_empty(tiles(batch), time, d_model, LANES)
    _EMBED.of(table.dtype)(
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
