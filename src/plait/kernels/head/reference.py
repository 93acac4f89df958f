"""Cross-entropy and counts of a batch in plain PyTorch."""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.common.plain import wide


class Scores(NamedTuple):
    """Per member: mean cross-entropy in nats over its scored tokens, and how many of them the largest logit got."""

    loss: Float[Tensor, "members"]
    correct: Int[Tensor, "members"]
    scored: Int[Tensor, "members"]


def plain_scores(
    logits: Float[Tensor, "members batch time vocab"],
    targets: Int[Tensor, "members batch time"],
    scored: Bool[Tensor, "members batch time"],
) -> Scores:
    """What `head_loss` computes, from logits, in plain operations."""
    nats = F.cross_entropy(logits.to(wide(logits.dtype)).movedim(-1, 1), targets, reduction="none") * scored
    counts = scored.sum((1, 2))
    hits = (logits.argmax(-1) == targets) & scored & logits.isfinite().all(-1)
    return Scores(nats.sum((1, 2)).double() / counts.clamp(min=1), hits.sum((1, 2)), counts)
