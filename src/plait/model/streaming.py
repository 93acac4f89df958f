"""A model read token by token: an answer as soon as its token is there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from plait.model.compiled import CompiledModel, can_compile
from plait.model.hybrid import HybridLM

TOGETHER = 1024
"""Tokens that go through the compiled layers in one call."""


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
    """One sequence, fed as its tokens come; memory stops growing once the windows are full.

    Tokens that are there together go through compiled layers together, where the model allows it: a hundred times
    faster than one by one. A model may not be moved or converted while it is read.
    """

    def __init__(self, model: HybridLM) -> None:
        self.model = model
        self.vocab_size = model.embedding.weight.shape[0]
        self._compiled = CompiledModel(model) if can_compile(model) else None
        self.restart()

    def restart(self) -> None:
        """The next token is the first of a new sequence."""
        self._held = None if self._compiled is None else self._compiled.start(1)
        self._state = self.model.init_state(1) if self._compiled is None else None

    def read(self, token: int) -> Answer:
        """Raises:
        ValueError: a token outside the vocabulary.
        """
        (answer,) = self.read_all([token])
        return answer

    def read_all(self, tokens: Sequence[int]) -> list[Answer]:
        """The answers after each of some tokens.

        Raises:
            ValueError: a token outside the vocabulary; then none of them is read.
        """
        for token in tokens:
            if not 0 <= token < self.vocab_size:
                raise ValueError(f"tokens must be in [0, {self.vocab_size}), got {token}")
        answers: list[Answer] = []
        for first in range(0, len(tokens), TOGETHER):
            part = tokens[first : first + TOGETHER]
            answers += self._together(part) if self._compiled is not None else map(self._step, part)
        return answers

    def _together(self, tokens: Sequence[int]) -> list[Answer]:
        assert self._compiled is not None
        assert self._held is not None
        read = self._compiled.advance(torch.tensor([tokens]), self._held)
        self._held = read.state
        found = self._compiled.answers(read.hidden, batch=1)
        assert found.tokens is not None
        return [
            Answer(token=token, gap=gap)
            for token, gap in zip(found.tokens[0].tolist(), found.gaps[0].tolist(), strict=True)
        ]

    def _step(self, token: int) -> Answer:
        assert self._state is not None
        device = self.model.embedding.weight.device
        logits, self._state = self.model.step(torch.tensor([token], device=device), self._state)
        best = logits[0].topk(min(2, self.vocab_size)).values.tolist()
        gap = best[0] - best[1] if len(best) > 1 else float("inf")
        return Answer(token=int(logits[0].argmax()), gap=gap)
