"""What one forward pass of a built or compiled model holds, read from its real tensors, for drawing."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.compiler import ProgramPlan
from plait.compiler.program import places
from plait.constructions import Plan, attention, plan_of, trace
from plait.constructions.plan import Holding
from plait.model import HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying

_NOTHING = 1e-6
"""Subspaces whose signals never exceed this are not shown."""


@dataclass(frozen=True, kw_only=True)
class LayerStage:
    """The residual stream after one layer.

    Attributes:
        title: which layer.
        subspaces: names and widths, in the order of `values`.
        values: in units of signals.
    """

    title: str
    subspaces: tuple[tuple[str, int], ...]
    values: Float[Tensor, "signals time"]


@dataclass(frozen=True, kw_only=True)
class AttentionLook:
    """Softmax weights of one attention layer."""

    layer: int
    weights: Float[Tensor, "time time"]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A signal as the stream holds it.

    Attributes:
        label: what it is called.
        layer: after which it was read.
        values: at each position, the value that the model's own signals are nearest to; None where there is none.
    """

    label: str
    layer: int
    values: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Inside:
    """One sequence on its way through a model.

    Attributes:
        tokens, targets: their names; None where nothing is scored.
        answers: the names of the largest logits.
        stages: the embedding, and what stands after every layer.
        signals: of a construction its control, of a program every signal that the stream holds, in layers' order.
        looks: where each attention layer looks.
        logits: of every token of the vocabulary.
        scored: positions with a target.
    """

    tokens: tuple[str, ...]
    targets: tuple[str | None, ...]
    answers: tuple[str, ...]
    stages: tuple[LayerStage, ...]
    signals: tuple[Read, ...]
    looks: tuple[AttentionLook, ...]
    logits: Float[Tensor, "time vocab"]
    scored: Bool[Tensor, " time"]


def inside(model: HybridLM, tokens: Int[Tensor, " time"]) -> Inside:
    """Raises:
    ValueError: a model without a construction, or tokens that its task cannot contain.
    """
    plan = plan_of(model)
    targets, names = plan.task.targets(tokens), plan.task.token_names
    seen = trace(model, tokens.unsqueeze(0))
    hidden = [part[0] for part in seen.hidden]
    return Inside(
        tokens=tuple(names[token] for token in tokens.tolist()),
        targets=tuple(
            names[token] if scored else None
            for token, scored in zip(targets.tokens.tolist(), targets.scored.tolist(), strict=True)
        ),
        answers=tuple(names[token] for token in seen.logits[0].argmax(-1).tolist()),
        stages=tuple(_stages(plan, hidden)),
        signals=_program_signals(plan, hidden, tokens)
        if isinstance(plan, ProgramPlan)
        else (_held(plan, hidden, tokens),),
        looks=tuple(
            AttentionLook(
                layer=gaze.layer, weights=attention(model, gaze.layer, seen.hidden[gaze.layer - 1])[1][0]
            )
            for gaze in plan.gazes(tokens)
        ),
        logits=seen.logits[0].double(),
        scored=targets.scored,
    )


def _stages(plan: Plan, hidden: list[Tensor]) -> Iterator[LayerStage]:
    """Subspaces that hold anything, each row one of their coordinates."""
    layers = plan.config().layers
    titles = ["the embedding", *(f"after layer {place}, {name}" for place, name in enumerate(layers, 1))]
    for title, stream in zip(titles, hidden, strict=True):
        held = {name: plan.residual.read(stream, name) for name in plan.residual.names}
        held = {name: signals for name, signals in held.items() if float(signals.abs().max()) > _NOTHING}
        yield LayerStage(
            title=title,
            subspaces=tuple((name, signals.shape[1]) for name, signals in held.items()),
            values=torch.cat([signals.T for signals in held.values()]),
        )


def control_points(plan: Plan) -> tuple[int, str, list[tuple[str, list[float]]]]:
    """Where the control is read: after which layer, in which subspace, and the signals of each control there."""
    candidates = _candidates(plan.task)
    rows = [plan.holdings(torch.tensor(row)) for _, row in candidates]
    layer, subspace = _control(rows[0])
    points = [next(h.expected[-1] for h in row if (h.layer, h.subspace) == (layer, subspace)) for row in rows]
    pairs = zip(candidates, points, strict=True)
    return layer, subspace, [(name, point.tolist()) for (name, _), point in pairs]


def _program_signals(plan: ProgramPlan, hidden: list[Tensor], tokens: Tensor) -> tuple[Read, ...]:
    """Every signal, right behind the layer that makes it."""
    layout = plan.layout
    stream, named = layout.stream, layout.lowered.labels
    found: list[Read] = []
    for number, layer in enumerate(layout.layers, 1):
        for one in layer.makes:
            if not stream.names[one]:
                continue
            read = torch.cat([plan.residual.read(hidden[number], name) for name in stream.names[one]], dim=-1)
            points = stream.bases[one].to(read.dtype)
            nearest = torch.cdist(read, points).argmin(-1)
            true = places(tokens, one)[one]
            # A signal holds just what is read of it: values that no reader tells apart share a point.
            same = torch.isclose(points[nearest], points[true.clamp(min=0)]).all(-1)
            shown = torch.where(same, true, nearest).tolist()
            known = (true >= 0).tolist()
            values = tuple(
                str(one.domain[place]) if there else None for place, there in zip(shown, known, strict=True)
            )
            found.append(Read(label=named[one].name or one.kind, layer=number, values=values))
    return tuple(found)


def _held(plan: Plan, hidden: list[Tensor], tokens: Tensor) -> Read:
    """The control that the stream holds: the nearest of those that the construction may hold."""
    layer, subspace, points = control_points(plan)
    read = plan.residual.read(hidden[layer], subspace)
    at = torch.tensor([point for _, point in points], dtype=read.dtype)
    nearest = (read.unsqueeze(1) - at).norm(dim=-1).argmin(-1).tolist()
    known = _known(plan.task, tokens).tolist()
    values = tuple(points[place][0] if there else None for place, there in zip(nearest, known, strict=True))
    return Read(label=f"held after layer {layer}", layer=layer, values=values)


def _known(task: object, tokens: Tensor) -> Tensor:
    """Where there is any control."""
    if isinstance(task, SelectiveCopying):
        return task.control(tokens)[1]
    return torch.ones_like(tokens, dtype=torch.bool)


def _candidates(task: object) -> list[tuple[str, list[int]]]:
    """Rows of tokens that leave each control behind, by the control's name."""
    if isinstance(task, SelectiveCopying):
        return [(f"{n}", [task.n_words + place]) for place, n in enumerate(task.numbers)]
    assert isinstance(task, DecodingRecall)
    return [
        (task.token_names[word], [task.n_words + (word >> bit & 1) for bit in reversed(range(task.n_bits))])
        for word in range(task.n_words)
    ]


def _control(holdings: tuple[Holding, ...]) -> tuple[int, str]:
    """Where the control is read best: the code of the word that is wanted, a register, or the number's angle."""
    places = {h.subspace: h.layer for h in holdings}
    for name in ("wanted code", "register", "control"):
        if name in places:
            layer = min(h.layer for h in holdings if h.subspace == name and h.layer > 0)
            return layer, name
    raise ValueError(f"no control among {', '.join(places)}")
