"""A model's answers to long sequences, read with a carried state: memory does not grow with their length."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from plait.model import HybridLM
from plait.model.chunked import ChunkedModel, can_chunk
from plait.model.compiled import CompiledModel, can_compile

TOGETHER = 1024
"""Tokens of a sequence that go through compiled layers in one call."""

WIDE_FROM, FEW = 128, 4
"""From this width so few sequences, which leave most of a compiled tile idle, go through PyTorch's products."""

_LONG = 2**40
"""Longer than every window."""


def check_bounded(model: HybridLM) -> None:
    """Raises:
    ValueError: a layer whose state grows with every token.
    """
    for place, (name, layer) in enumerate(zip(model.config.layers, model.each_layer(), strict=True), 1):
        if sum(layer.state_size(2 * _LONG).values()) > sum(layer.state_size(_LONG).values()):
            raise ValueError(
                f"layer {place} ({name}) keeps every token, so memory grows with the length: streaming needs a window; "
                "leave --stream out to read sequences whole"
            )


class StreamedAnswers:
    """The most likely token after each token of `(batch, time)` sequences, from left to right.

    Attributes:
        state_bytes: the most that was carried from one call to the next, for all sequences of a batch.

    Raises:
        ValueError: as `check_bounded`.
    """

    def __init__(self, model: HybridLM) -> None:
        check_bounded(model)
        self._model = model
        self._compiled = CompiledModel(model) if can_compile(model) else None
        self._chunked = ChunkedModel(model) if can_chunk(model) else None
        self.state_bytes = 0

    @torch.no_grad()
    def read(self, tokens: Int[Tensor, "batch time"]) -> Iterator[Int[Tensor, "batch some"]]:
        """The answers in pieces, the first at the beginning; several tokens a piece for SSM and TF on a CPU."""
        wide = self._model.config.d_model >= WIDE_FROM and len(tokens) <= FEW
        if self._chunked is not None and (wide or self._compiled is None):
            return self._in_chunks(self._chunked, tokens)
        return self._by_step(tokens) if self._compiled is None else self._in_parts(self._compiled, tokens)

    def _in_chunks(self, model: ChunkedModel, tokens: Tensor) -> Iterator[Tensor]:
        state = model.start(len(tokens))
        for part in tokens.split(TOGETHER, dim=1):
            logits, state = model.advance(part, state)
            self._saw(tensor for held in state for tensor in held)
            yield logits.argmax(-1)

    def _in_parts(self, model: CompiledModel, tokens: Tensor) -> Iterator[Tensor]:
        batch, state = len(tokens), model.start(len(tokens))
        for part in tokens.split(TOGETHER, dim=1):
            read = model.advance(part.contiguous(), state)
            state = read.state
            self._saw(tensor for held in state for tensor in held.parts)
            found = model.answers(read.hidden, batch=batch).tokens
            assert found is not None
            yield found

    def _by_step(self, tokens: Tensor) -> Iterator[Tensor]:
        state = self._model.init_state(len(tokens))
        for column in tokens.unbind(1):
            logits, state = self._model.step(column, state)
            self._saw(tensor for layer in state for tensor in layer.values())
            yield logits.argmax(-1, keepdim=True)

    def _saw(self, carried: Iterator[Tensor]) -> None:
        held = sum(tensor.untyped_storage().nbytes() for tensor in carried)
        self.state_bytes = max(self.state_bytes, held)
