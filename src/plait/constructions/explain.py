"""What every named subspace holds, position by position, and which lemma says so."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from plait.constructions.lemmas import STATEMENTS
from plait.constructions.plan import Plan, plan_of
from plait.constructions.trace import attention, logit_gaps, trace
from plait.model import HybridLM


@dataclass(frozen=True, kw_only=True)
class HeldSignal:
    """What a subspace holds at one position after one layer.

    Args:
        values: read from the forward pass, in units of signals.
        expected: what `lemma` says; None where it says nothing.
    """

    layer: int
    subspace: str
    lemma: str
    values: tuple[float, ...]
    expected: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Where a head looked at one position: the distance of its largest weight, that weight, and the lemma's."""

    layer: int
    lemma: str
    distance: int
    mass: float
    expected: int | None


@dataclass(frozen=True, kw_only=True)
class Position:
    """One position of the sequence; `target` and `gap` are None where nothing is scored."""

    index: int
    token: str
    held: tuple[HeldSignal, ...]
    looked: tuple[Looked, ...]
    answer: str
    target: str | None
    gap: float | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A forward pass in the proof's words; `legend` says of some subspaces what they hold."""

    construction: str
    positions: tuple[Position, ...]
    lemmas: Mapping[str, str]
    legend: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def text(self, *, digits: int = 3) -> str:
        """A paragraph a position, numbers with `digits` digits."""
        lines = [self.construction, *(f"  {name}: {what}" for name, what in self.legend.items())]
        for position in self.positions:
            target = "not scored" if position.target is None else f"target {position.target}"
            lines.append(f"\n{position.index:4d}  {position.token:>6}   answer {position.answer}, {target}")
            for held in position.held:
                values = " ".join(f"{value:.{digits}g}" for value in held.values)
                lines.append(f"        after layer {held.layer}  {held.subspace:16} [{held.lemma}]  {values}")
            for look in position.looked:
                lines.append(
                    f"        layer {look.layer} looks {look.distance} back [{look.lemma}], mass {look.mass:.6f}"
                )
        used = dict.fromkeys(
            entry.lemma for position in self.positions for entry in (*position.held, *position.looked)
        )
        lines += ["", *(f"[{lemma}] {self.lemmas[lemma]}" for lemma in used)]
        return "\n".join(lines)


def explain(model: HybridLM, tokens: Int[Tensor, " time"], plan: Plan | None = None) -> Explanation:
    """The model's own forward pass on one sequence, read through the construction's subspaces.

    Raises:
        ValueError: a model without a plan, more than one sequence, or tokens that the task cannot contain.
    """
    plan = plan or plan_of(model)
    if tokens.ndim != 1:
        raise ValueError(f"explain takes one sequence of tokens, got shape {tuple(tokens.shape)}")
    tokens = tokens.long()
    targets, names = plan.task.targets(tokens), plan.task.token_names
    seen = trace(model, tokens.unsqueeze(0))
    gaps = logit_gaps(seen.logits, targets.tokens.unsqueeze(0))[0]
    answers = seen.logits[0].argmax(-1)
    holdings, looks = plan.holdings(tokens), []
    for gaze in plan.gazes(tokens):
        _, weights = attention(model, gaze.layer, seen.hidden[gaze.layer - 1])
        looks.append((gaze, weights[0].max(-1)))
    positions: list[Position] = []
    for index, token in enumerate(tokens.tolist()):
        held = tuple(
            HeldSignal(
                layer=holding.layer,
                subspace=holding.subspace,
                lemma=holding.lemma,
                values=_numbers(plan.residual.read(seen.hidden[holding.layer][0, index], holding.subspace)),
                expected=_numbers(holding.expected[index]) if bool(holding.known[index]) else None,
            )
            for holding in holdings
        )
        looked = tuple(
            Looked(
                layer=gaze.layer,
                lemma=gaze.lemma,
                distance=index - int(largest.indices[index]),
                mass=float(largest.values[index]),
                expected=int(gaze.distance[index]) if bool(gaze.known[index]) else None,
            )
            for gaze, largest in looks
        )
        scored = bool(targets.scored[index])
        positions.append(
            Position(
                index=index,
                token=names[token],
                held=held,
                looked=looked,
                answer=names[int(answers[index])],
                target=names[int(targets.tokens[index])] if scored else None,
                gap=float(gaps[index]) if scored else None,
            )
        )
    return Explanation(
        construction=f"{plan.describe()}: {plan.name}",
        positions=tuple(positions),
        lemmas=STATEMENTS,
        legend=plan.legend(),
    )


def _numbers(values: Tensor) -> tuple[float, ...]:
    return tuple(values.to(torch.float64).tolist())
