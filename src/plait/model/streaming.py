"""A model read token by token: an answer as soon as its token is there, in constant memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from plait.model.hybrid import HybridLM


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model predicts after a token: the most likely one, and how far it is ahead of the next (nats)."""

    token: int
    gap: float


def answers(model: HybridLM, tokens: Iterable[int | None]) -> Iterator[Answer | None]:
    """One answer a token; None starts a new sequence and is answered by None.

    Raises:
        ValueError: a token outside the vocabulary.
    """
    vocab_size, device = model.embedding.weight.shape[0], model.embedding.weight.device
    state = model.init_state(1)
    for token in tokens:
        if token is None:
            state = model.init_state(1)
            yield None
            continue
        if not 0 <= token < vocab_size:
            raise ValueError(f"tokens must be in [0, {vocab_size}), got {token}")
        logits, state = model.step(torch.tensor([token], device=device), state)
        best = logits[0].topk(min(2, vocab_size))
        values = best.values.tolist()
        yield Answer(
            token=int(best.indices[0]), gap=values[0] - values[1] if len(values) > 1 else float("inf")
        )
