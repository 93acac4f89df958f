"""Training that begins at a construction's weights, disturbed: what is expressible, against what is learned.

Every weight of the construction gets normal noise, relative to the root mean square of its tensor, or one part of
it begins at random weights: the embedding, the Mamba block, or the attention. `everything` is the same model
begun at random, with nothing of the construction left.

Both constructions are those of amplitude 1: in quiet ones (docs/theory-constructions.md, 6.1) the first step of an
optimiser is larger than every signal. The logits of recall are sharpened, since its leads are small.
"""

import torch

from plait.constructions import decoding_recall, selective_copying
from plait.experiments.spec import Experiment
from plait.experiments.view import View
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
    model = decoding_recall(task, seq_len, dtype=torch.float64)
    with torch.no_grad():
        model.final_norm.weight.mul_(SHARPER)
        model.final_norm.bias.mul_(SHARPER)
    return model


_COPYING, _RECALL = SelectiveCopying(), DecodingRecall()
_COPIER = selective_copying(_COPYING, PROTOCOL.seq_len).config
_RECALLER = sharp_recall(_RECALL, PROTOCOL.seq_len).config
_PARTS = {"embedding": ("embedding",), "Mamba block": ("layers.0",), "attention": ("layers.1",)}

BASIN = Experiment(
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
)
