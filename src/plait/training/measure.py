"""The accuracy of a finished model on fresh sequences of any task, length and distribution."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from plait.checks import check_integer
from plait.kernels.head import plain_scores
from plait.model import HybridLM
from plait.model.chunked import ChunkedModel, can_chunk
from plait.model.compiled import CompiledModel, can_compile
from plait.random import TEST, Stream
from plait.tasks.base import Task, sample_labelled
from plait.training.evaluate import CHUNK

SEQUENCES_TOGETHER = 1024
"""Tokens of a sequence that go through the layers in one call."""

_TOGETHER_ON_GPU, _FEWEST_ON_GPU = 2**14, 16
"""Tokens of all sequences that a layer reads in such a call on a GPU, those of its window again among them: what fills
it, in a gigabyte or two at a width of 1,024. Where that leaves fewer than 16 new ones of each, they go one by one."""

_WIDE_FROM, _FEW = 128, 4
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
        """The answers in pieces, the first at the beginning; several tokens a piece for SSM and TF."""
        wide = self._model.config.d_model >= _WIDE_FROM and len(tokens) <= _FEW
        if self._chunked is not None and (wide or self._compiled is None):
            together = tokens_together(self._chunked, len(tokens), on_gpu=tokens.is_cuda)
            return self._in_chunks(self._chunked, tokens, together) if together else self._by_step(tokens)
        return self._by_step(tokens) if self._compiled is None else self._in_parts(self._compiled, tokens)

    def _in_chunks(self, model: ChunkedModel, tokens: Tensor, together: int) -> Iterator[Tensor]:
        state = model.start(len(tokens))
        for part in tokens.split(together, dim=1):
            logits, state = model.advance(part, state)
            self._saw(tensor for held in state for tensor in held)
            yield logits.argmax(-1)

    def _in_parts(self, model: CompiledModel, tokens: Tensor) -> Iterator[Tensor]:
        batch, state = len(tokens), model.start(len(tokens))
        for part in tokens.split(SEQUENCES_TOGETHER, dim=1):
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


def tokens_together(model: ChunkedModel, sequences: int, *, on_gpu: bool) -> int:
    """Tokens of each sequence that a call takes; 0 where they had better go one by one."""
    if not on_gpu:
        return SEQUENCES_TOGETHER
    fitting = _TOGETHER_ON_GPU // max(1, sequences) - model.read_again
    return min(SEQUENCES_TOGETHER, fitting) if fitting >= _FEWEST_ON_GPU else 0


_MOST_TOKENS = 2**16
"""Tokens of one forward pass, unless a single sequence has more."""


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """`correct` of `scored` tokens in `sequences` sequences of `seq_len` tokens.

    `state_bytes` is the most that was carried from token to token, for all sequences that were read together; None
    where sequences were read whole.
    """

    correct: int
    scored: int
    sequences: int
    seq_len: int
    state_bytes: int | None = None

    @property
    def accuracy(self) -> float | None:
        """None where nothing was scored."""
        return self.correct / self.scored if self.scored else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95% interval, which takes the scored tokens as independent; None where nothing was scored."""
        return wilson_interval(self.correct, self.scored) if self.scored else None


@torch.no_grad()
def measure(
    model: HybridLM,
    task: Task,
    *,
    sequences: int = 1024,
    seq_len: int = 100,
    seed: int = 0,
    streamed: bool = False,
) -> Accuracy:
    """The model on the sequences of `Stream(seed, .., TEST)`: those that a member of this seed is tested on.

    Args:
        streamed: read each sequence in parts, with carried state: beyond the tokens and targets themselves, memory does
            not grow with the length. Answers are the same to rounding.

    Raises:
        ValueError: a vocabulary that is not the task's, no sequence, what the task's sampler refuses, or a model to be
            streamed whose state grows.
    """
    vocab_size, device = model.config.vocab_size, model.embedding.weight.device
    if vocab_size != task.vocab_size:
        raise ValueError(f"the model must have the task's vocab_size, {task.vocab_size}, got {vocab_size}")
    check_integer("sequences", sequences, least=1)
    reader = StreamedAnswers(model) if streamed else None
    correct = scored = 0
    seeds = torch.tensor([Stream(seed).seed], device=device)
    for index, first in enumerate(range(0, sequences, CHUNK)):
        stream = Stream(seeds, index, TEST)
        tokens, targets = sample_labelled(task, stream, batch=min(CHUNK, sequences - first), seq_len=seq_len)
        rows = max(1, _MOST_TOKENS // (min(seq_len, SEQUENCES_TOGETHER) if streamed else seq_len))
        for part in zip(*(tensor.split(rows, dim=1) for tensor in (tokens, *targets)), strict=True):
            if reader is not None:
                correct += _streamed_correct(reader, part[0][0], part[1][0], part[2][0])
                scored += int(part[2].sum())
                continue
            scores = plain_scores(model(part[0][0]).unsqueeze(0), part[1], part[2])
            correct += int(scores.correct)
            scored += int(scores.scored)
    return Accuracy(
        correct=correct, scored=scored, sequences=sequences, seq_len=seq_len,
        state_bytes=None if reader is None else reader.state_bytes,
    )  # fmt: skip


def _streamed_correct(reader: StreamedAnswers, tokens: Tensor, targets: Tensor, scored: Tensor) -> int:
    """Right answers among the scored tokens of `(batch, time)` sequences."""
    correct, first = torch.zeros((), dtype=torch.int64, device=tokens.device), 0
    for answers in reader.read(tokens):
        last = first + answers.shape[1]
        correct += ((answers == targets[:, first:last]) & scored[:, first:last]).sum()
        first = last
    return int(correct)


def wilson_interval(correct: int, trials: int, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """Where a success rate lies at 95% confidence, `z` deviations wide (E. B. Wilson, JASA 22 (1927) 209-212).

    Raises:
        ValueError: counts that are not 0 <= correct <= trials with a trial.
    """
    if not 0 <= correct <= trials or trials < 1:
        raise ValueError(f"needed 0 <= correct <= trials and a trial, got {correct} of {trials}")
    rate, spread = correct / trials, z * z / trials
    centre = rate + spread / 2
    reach = z * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials))
    low, high = ((centre + sign * reach) / (1 + spread) for sign in (-1, 1))
    return (0.0 if correct == 0 else low, 1.0 if correct == trials else high)
