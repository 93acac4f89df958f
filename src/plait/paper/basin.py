"""Training that begins at a construction's weights, disturbed: what is expressible, against what is learned.

Every weight of the construction gets normal noise, relative to the root mean square of its tensor, or one part of
it begins at random weights: the embedding, the Mamba block, or the attention. `everything` is the same model
begun at random, with nothing of the construction left.

Both constructions are those of amplitude 1: in quiet ones (docs/theory-constructions.md, 6.1) the first step of an
optimiser is larger than every signal. The logits of recall are sharpened, since its leads are small.
"""

import torch

from plait.constructions import loud_recall_plan, selective_copying
from plait.experiments import Cell, value_text
from plait.experiments.spec import Experiment
from plait.experiments.view import View
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import AS_TRAINED, Figure
from plait.findings.judges import trained_values
from plait.findings.number_text import bracketed, decimals
from plait.findings.trends import of_task
from plait.model import HybridConfig, HybridLM
from plait.paper.grids import PROTOCOL, SWEEP
from plait.tasks import DecodingRecall, SelectiveCopying, Task
from plait.training.run import Run
from plait.training.start import Start

SHARPER = 1_000.0
"""Makes leads of .01 nats, right but with the loss of a guess, leads of 10."""

NOISE = (0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0)

_Setting = tuple[Task, HybridConfig, Start]


def _settings(
    task: Task, config: HybridConfig, weights: str, parts: dict[str, tuple[str, ...]]
) -> tuple[_Setting, ...]:
    whole = ("embedding", "final_norm", *(f"layers.{i}" for i in range(config.n_layers)))
    random = (*parts.values(), whole)
    starts = (
        *(Start(weights=weights, noise=noise) for noise in NOISE),
        *(Start(weights=weights, random=names) for names in random),
    )
    return tuple((task, config, start) for start in starts)


def sharp_recall(task: DecodingRecall, seq_len: int) -> HybridLM:
    """The construction in three layers at amplitude 1, its logits times `SHARPER`: the same answers at a small loss."""
    model = loud_recall_plan(task, seq_len).build()
    with torch.no_grad():
        model.final_norm.weight.mul_(SHARPER)
        model.final_norm.bias.mul_(SHARPER)
    return model


_COPYING, _RECALL = SelectiveCopying(), DecodingRecall()
_COPIER = selective_copying(_COPYING, PROTOCOL.seq_len).config
_RECALLER = sharp_recall(_RECALL, PROTOCOL.seq_len).config
_PARTS = {"embedding": ("embedding",), "Mamba block": ("layers.0",), "attention": ("layers.1",)}

FOUND_BACK = 0.99
"""Accuracy from which training counts as having found back."""


def finds_back(found: Evidence) -> Finding | None:
    """The largest noise from which training finds back to .99, at the best learning rate, for each task."""
    words, short, shown = [], [], []
    for task in ("selective-copying", "decoding-recall"):
        cells = of_task(found, task)
        noisy = sorted((c for c in cells if c.run.start is not None and not c.run.start.random), key=_noise)
        if len(noisy) < 2:
            continue
        back = None
        for cell in noisy:
            if found.summary(cell).mean < FOUND_BACK:
                break
            back = cell
        lost = next((cell for cell in noisy if back is None or _noise(cell) > _noise(back)), None)
        text = f"{task}: " + ("not even without noise" if back is None else f"to noise {_noise(back):g}")
        if lost is not None:
            text += f", at {_noise(lost):g} {bracketed(found.summary(lost))}"
        every = [c for c in cells if c.run.start is not None and c.run.start.random]
        parts = [f"{_random(c)} {decimals(found.summary(c).mean)}" for c in every]
        words.append(f"{text}; {'; '.join(parts)}" if parts else text)
        short.append(text.partition(",")[0])
        shown += noisy
    if not words:
        return None
    rate = ", ".join(sorted({f"{found.summary(cell).lr:g}" for cell in shown}, key=float))
    return Finding(
        outcome=Outcome.OWN,
        ours=". ".join(words),
        short="; ".join(short),
        why=f"finding back is a mean of {decimals(FOUND_BACK, 2)}",
        rates=rate,
        trained=trained_values(shown),
    )


def _noise(cell: Cell) -> float:
    return cell.run.start.noise if cell.run.start is not None else 0.0


def _random(cell: Cell) -> str:
    start = cell.run.start
    if start is None or len(start.random) < cell.run.model.n_layers + 2:
        return value_text(start)
    return "everything random"


BASIN = Figure(
    experiment=Experiment(
        name="basin",
        question="From how far does training find back to a construction?",
        base=Run(
            task=_COPYING,
            model=_COPIER,
            train=PROTOCOL,
            start=Start(weights="plait.constructions:selective_copying"),
        ),
        vary={
            ("task", "model", "start"): (
                *_settings(_COPYING, _COPIER, "plait.constructions:selective_copying", _PARTS),
                *_settings(
                    _RECALL,
                    _RECALLER,
                    "plait.paper.basin:sharp_recall",
                    _PARTS | {"attention": ("layers.1", "layers.2")},
                ),
            )
        },
        sweep=SWEEP,
        quick=({"train.lr": (1e-4, 1e-3, 1e-2), "train.seed": range(6)},),
        views=(
            View(
                x="start.noise",
                lines=("train.lr",),
                panels=("task",),
                where={"start.random": ((),)},
                title="By learning rate",
            ),
            View(
                x="start.noise",
                lines=("task",),
                where={"start.random": ((),)},
                title="At the best learning rate",
            ),
        ),
    ),
    claims=(
        Claim(
            statement="From how much relative noise on its weights training finds back to a construction",
            judge=finds_back,
        ),
    ),
    readings=(AS_TRAINED,),
)
