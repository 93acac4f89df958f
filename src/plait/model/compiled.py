"""A model run by the compiled layers alone: many sequences at once, from state to state, without gradients.

What it computes for a sequence is the same to the last bit whatever stands beside it and however its tokens are
cut into calls, so prefixes that sequences share may be read once. `StreamReader` reads token by token: an answer as
soon as its token is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.kernels.common import call
from plait.kernels.common.call import Batch
from plait.kernels.head import Answers, stream_embed, stream_head
from plait.kernels.mamba import MambaWeights, mamba_advance
from plait.kernels.neox import Heads, NeoXWeights, neox_advance
from plait.layers import MambaLayer, TransformerLayer, rope
from plait.model.hybrid import HybridLM


class HeldParts(NamedTuple):
    """What one layer carries, in tiles: its tensors, and how many tokens its cache holds."""

    parts: tuple[Tensor, ...]
    tokens: int


CompiledState: TypeAlias = tuple[HeldParts, ...]


class Advanced(NamedTuple):
    """Hidden states before the head, the state after the tokens, and margins of the last attention layer."""

    hidden: Float[Tensor, "tiles time d_model lanes"]
    state: CompiledState
    margins: Float[Tensor, "batch time"] | None


_Layer: TypeAlias = Callable[
    [Tensor, HeldParts, Batch, Tensor | None], tuple[Tensor, HeldParts, Float[Tensor, "batch time"] | None]
]


class CompiledModel:
    """The weights of a model, looked up once; changes made to them in place are seen.

    Raises:
        ValueError: a model that the compiled layers cannot run (see `can_compile`).
    """

    def __init__(self, model: HybridLM) -> None:
        if not can_compile(model):
            raise ValueError(
                "the compiled layers run SSM and TF layers in float32 or float64 on a CPU, with a C++ compiler"
            )
        self.config, self.dtype = model.config, model.embedding.weight.dtype
        self.vocab_size = model.embedding.weight.shape[0]
        self._table = model.embedding.weight.detach()
        self._norm = model.final_norm.weight.detach(), model.final_norm.bias.detach()
        self._layers = tuple(_compiled(layer) for layer in model.layers)
        self._last_attention = max(
            (place for place, layer in enumerate(model.layers) if isinstance(layer, TransformerLayer)),
            default=None,
        )

    def start(self, batch: int) -> CompiledState:
        """The state before the first token of `batch` sequences."""
        lying = Batch(batch, 0, tiled=True)
        state: list[HeldParts] = []
        for name, spec in zip(self.config.layers, self.config.layer_specs(), strict=True):
            shapes = [(0, 2 * spec.d_model)]
            if name == "SSM":
                shapes = [(spec.d_inner, spec.d_state), (spec.d_conv - 1, spec.d_inner)]
            parts = tuple(self._table.new_zeros(lying.features(*shape)) for shape in shapes)
            state.append(HeldParts(parts, 0))
        return tuple(state)

    @torch.no_grad()
    def advance(
        self,
        tokens: Int[Tensor, "batch time"],
        state: CompiledState,
        *,
        sources: Int[Tensor, "batch time"] | None = None,
    ) -> Advanced:
        """Read more tokens of each sequence; `state` itself is not changed.

        Args:
            tokens: int64, in the vocabulary (looked for).
            state: of as many sequences.
            sources: int32; how many places back the last attention layer should look, negative for nowhere.

        Raises:
            ValueError: a token outside the vocabulary.
        """
        if tokens.numel():
            low, high = (int(bound) for bound in torch.aminmax(tokens))
            if low < 0 or high >= self.vocab_size:
                raise ValueError(f"tokens must be in [0, {self.vocab_size}), got {low if low < 0 else high}")
        batch = Batch(*tokens.shape, tiled=True)
        hidden = stream_embed(self._table, tokens)
        after: list[HeldParts] = []
        margins = None
        for place, (layer, held) in enumerate(zip(self._layers, state, strict=True)):
            asked = sources if place == self._last_attention else None
            hidden, kept, found = layer(hidden, held, batch, asked)
            margins = margins if found is None else found
            after.append(kept)
        return Advanced(hidden, tuple(after), margins)

    @torch.no_grad()
    def answers(self, hidden: Float[Tensor, "tiles time d_model lanes"], *, batch: int) -> Answers:
        """The most likely token at every position, and its lead."""
        return stream_head(hidden, self._norm, self._table, batch=batch, eps=self.config.norm_eps)

    @torch.no_grad()
    def leads(
        self, hidden: Float[Tensor, "tiles time d_model lanes"], targets: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time"]:
        """The lead of each target's logit over the largest other one (nats), infinite for negative targets."""
        found = stream_head(
            hidden, self._norm, self._table, batch=len(targets), eps=self.config.norm_eps, targets=targets
        )
        return found.gaps


def can_compile(model: HybridLM) -> bool:
    """Whether `CompiledModel` can take it: built-in layers, one type for all weights, no members axis.

    Nor attention that knows more than distances, or whose scores have a bias.
    """
    parameters = list(model.parameters())
    built_in = all(
        type(layer) is MambaLayer
        or (type(layer) is TransformerLayer and layer.spec.relative and not layer.spec.biased)
        for layer in model.layers
    )
    return built_in and model.embedding.weight.ndim == 2 and call.usable(*parameters)


def _compiled(layer: torch.nn.Module) -> _Layer:
    if isinstance(layer, MambaLayer):
        return _mamba(layer)
    assert isinstance(layer, TransformerLayer)
    return _transformer(layer)


def _mamba(layer: MambaLayer) -> _Layer:
    weights = MambaWeights(*(weight.detach().contiguous() for weight in layer.weights()))
    eps = layer.spec.norm_eps

    def advance(
        hidden: Tensor, held: HeldParts, batch: Batch, sources: Tensor | None
    ) -> tuple[Tensor, HeldParts, Tensor | None]:
        before = held.parts[0], held.parts[1]
        hidden, after = mamba_advance(hidden, before, weights, batch=batch, eps=eps)
        return hidden, HeldParts(after, 0), None

    return advance


def _transformer(layer: TransformerLayer) -> _Layer:
    spec = layer.spec
    weights = NeoXWeights(*(weight.detach().contiguous() for weight in layer.weights()))

    def advance(
        hidden: Tensor, held: HeldParts, batch: Batch, sources: Tensor | None
    ) -> tuple[Tensor, HeldParts, Tensor | None]:
        total = held.tokens + batch.time
        seen = total if spec.window is None else min(total, spec.window)
        turn = rope.distances(seen, d_rotary=spec.d_rotary, base=spec.rotary_base, dtype=hidden.dtype)
        heads = Heads(spec.n_heads, spec.window, spec.d_turning, *turn)
        cache = held.parts[0], held.tokens
        found = neox_advance(hidden, cache, weights, heads, batch=batch, eps=spec.norm_eps, sources=sources)
        return found.hidden, HeldParts((found.cache,), heads.kept(total)), found.margins

    return advance


TOKENS_TOGETHER = 1024
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
        for first in range(0, len(tokens), TOKENS_TOGETHER):
            part = tokens[first : first + TOKENS_TOGETHER]
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
