"""How a model is read: its parallel pass, or the compiled stream, which gives the same up to rounding.

Both say, for every position, how far the target's logit leads, and how far the score at the target's place leads in
the last attention layer.
"""

from threading import get_ident
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.kernels.common.plain import wide
from plait.layers import TransformerLayer
from plait.model import HybridLM
from plait.model.compiled import CompiledModel, CompiledState
from plait.tasks import Targets

MOST_LOGITS = 2**22
"""Logits held at once in the parallel pass, unless a single sequence has more."""


class ModelReading(NamedTuple):
    """Leads (nats) of targets' logits, and of the scores at their places; infinite where nothing is scored.

    A target is answered right where its gap is above 0; where a logit is not finite the gap is NaN.
    """

    gaps: Float[Tensor, "batch time"]
    margins: Float[Tensor, "batch time"] | None

    def last(self, count: int) -> "ModelReading":
        """Of the last positions alone."""
        return ModelReading(self.gaps[:, -count:], None if self.margins is None else self.margins[:, -count:])


class InputReader(Protocol):
    """Reads whole sequences from their first token."""

    def read(
        self, tokens: Int[Tensor, "batch time"], targets: Targets, sources: Int[Tensor, "batch time"] | None
    ) -> ModelReading: ...


class ParallelReader:
    """The model's own forward pass; attention margins from the input that its last attention layer gets in it."""

    def __init__(self, model: HybridLM) -> None:
        self.model = model
        places = [layer for layer in model.layers if isinstance(layer, TransformerLayer)]
        self._attention = places[-1] if places else None

    @torch.no_grad()
    def read(
        self, tokens: Int[Tensor, "batch time"], targets: Targets, sources: Int[Tensor, "batch time"] | None
    ) -> ModelReading:
        device, vocab = self.model.embedding.weight.device, self.model.embedding.weight.shape[0]
        rows = max(1, MOST_LOGITS // (tokens.shape[1] * vocab))
        parts: list[ModelReading] = []
        for first in range(0, len(tokens), rows):
            part = slice(first, first + rows)
            kept = None if sources is None else sources[part].to(device)
            parts.append(
                self._read(tokens[part].to(device), Targets(*(t[part].to(device) for t in targets)), kept)
            )
        margins = [part.margins for part in parts if part.margins is not None]
        return ModelReading(torch.cat([part.gaps for part in parts]), torch.cat(margins) if margins else None)

    def _read(self, tokens: Tensor, targets: Targets, sources: Tensor | None) -> ModelReading:
        if sources is None or self._attention is None:
            return ModelReading(logit_leads(self.model(tokens), targets).cpu(), None)
        seen: list[Tensor] = []
        own = get_ident()

        def keep(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if get_ident() == own:
                seen.append(inputs[0])

        handle = self._attention.register_forward_pre_hook(keep)
        try:
            logits = self.model(tokens)
        finally:
            handle.remove()
        layer = self._attention
        margins = layer.attention.margins(layer.input_layernorm(seen[0]), sources.to(torch.int64))
        return ModelReading(
            logit_leads(logits, targets).cpu(), torch.where(targets.scored, margins, torch.inf).cpu()
        )


def logit_leads(logits: Float[Tensor, "*batch vocab"], targets: Targets) -> Float[Tensor, "*batch"]:
    """The target's logit less the largest other one; NaN where a logit is not finite."""
    logits = logits.to(wide(logits.dtype))
    place = targets.tokens.unsqueeze(-1)
    others = logits.scatter(-1, place, -torch.inf).max(-1).values
    gaps = logits.gather(-1, place).squeeze(-1) - others
    gaps = torch.where(logits.isfinite().all(-1), gaps, torch.nan)
    return torch.where(targets.scored, gaps, torch.inf)


class CompiledReader:
    """The compiled stream of a model, over whole sequences or over one more token of many."""

    def __init__(self, model: HybridLM) -> None:
        self.compiled = CompiledModel(model)

    def read(
        self, tokens: Int[Tensor, "batch time"], targets: Targets, sources: Int[Tensor, "batch time"] | None
    ) -> ModelReading:
        reading, _ = self.go_on(tokens, self.compiled.start(len(tokens)), targets, sources)
        return reading

    def go_on(
        self,
        tokens: Int[Tensor, "batch time"],
        state: CompiledState,
        targets: Targets,
        sources: Int[Tensor, "batch time"] | None,
    ) -> tuple[ModelReading, CompiledState]:
        """Read `tokens` behind those that `state` has seen; targets and sources are of these tokens."""
        step = self.compiled.advance(tokens, state, sources=sources)
        gaps = self.compiled.leads(step.hidden, torch.where(targets.scored, targets.tokens, -1))
        margins = step.margins
        if margins is not None:
            margins = torch.where(targets.scored, margins, torch.inf)
        return ModelReading(gaps, margins), step.state
