"""A model read token by token: an answer as soon as its token is there."""

from dataclasses import dataclass

import torch

from plait.model.hybrid import HybridLM


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model predicts after a token.

    Attributes:
        token: the most likely one, of equals the first.
        gap: how far its logit is ahead of the next (nats); infinite in a vocabulary of one.
    """

    token: int
    gap: float


class StreamReader:
    """One sequence, fed a token at a time; memory stops growing once the windows are full."""

    def __init__(self, model: HybridLM) -> None:
        self.model = model
        self.vocab_size = model.embedding.weight.shape[0]
        self.restart()

    def restart(self) -> None:
        """The next token is the first of a new sequence."""
        self._state = self.model.init_state(1)

    def read(self, token: int) -> Answer:
        """Raises:
        ValueError: a token outside the vocabulary.
        """
        if not 0 <= token < self.vocab_size:
            raise ValueError(f"tokens must be in [0, {self.vocab_size}), got {token}")
        device = self.model.embedding.weight.device
        logits, self._state = self.model.step(torch.tensor([token], device=device), self._state)
        best = logits[0].topk(min(2, self.vocab_size)).values.tolist()
        gap = best[0] - best[1] if len(best) > 1 else float("inf")
        return Answer(token=int(logits[0].argmax()), gap=gap)
