"""What running an experiment would come to: members, those that are stored already, and seconds on this machine."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from plait.experiments.fields import cell_label
from plait.experiments.jobs import missing, plan_for
from plait.experiments.notes import settings_of
from plait.experiments.shards import Shard, cell_key
from plait.experiments.spec import Experiment
from plait.experiments.store import Store
from plait.training.engines import WIDE_FROM, engine_for, parameter_count
from plait.training.machine import resolve_device
from plait.training.trainer import Trainer

MOST_TIMED = 4
"""Cells that are trained for a moment; the time of the others follows from their sizes."""

TIMED_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class CellForecast:
    """One model of the experiment.

    Args:
        members, stored: all that the experiment asks for, and how many of them are there, tests elsewhere included.
        seconds: to train the others.
    """

    model: str
    members: int
    stored: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The whole: sums over the cells; `device` is where the seconds were measured."""

    cells: tuple[CellForecast, ...]
    device: str

    @property
    def members(self) -> int:
        return sum(cell.members for cell in self.cells)

    @property
    def stored(self) -> int:
        return sum(cell.stored for cell in self.cells)

    @property
    def seconds(self) -> float:
        return sum(cell.seconds for cell in self.cells)


Timed = Callable[[Shard, torch.device], float]


def forecast(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    *,
    device: str = "auto",
    timed: Timed | None = None,
) -> Forecast:
    """Nothing is written, and no more trained than a moment of a few cells, to measure the speed of this machine.

    Measuring accuracies and tests elsewhere is not in the seconds.

    Args:
        folder: of results; it need not be there.
        timed: gives the model-steps a second of a shard.

    Raises:
        ValueError: a slice that leaves nothing, or a device that is not there.
        StoreError: a damaged shard in the folder.
    """
    where = resolve_device(device)
    store = Store.for_reading(folder) if _holds_results(folder) else None
    cells: dict[str, list[Shard]] = {}
    left: dict[str, list[Shard]] = {}
    for shard in plan_for(experiment, device=device, max_members=None):
        key = cell_key(shard.runs[0])
        cells.setdefault(key, []).append(shard)
        parts = (shard,) if store is None else missing(store, shard, experiment.evaluations)
        left.setdefault(key, []).extend(parts)
    speeds = _speeds(
        {key: parts for key, parts in left.items() if parts}, where, timed or model_steps_a_second
    )
    found: list[CellForecast] = []
    for key, shards in cells.items():
        n_members, n_left = (sum(len(part.runs) for part in parts) for parts in (shards, left[key]))
        seconds = sum(part.steps for part in left[key]) / speeds[key] if n_left else 0.0
        label = cell_label(settings_of(experiment, shards[0].runs[0]))
        found.append(CellForecast(model=label, members=n_members, stored=n_members - n_left, seconds=seconds))
    return Forecast(cells=tuple(found), device=str(where))


def model_steps_a_second(shard: Shard, device: torch.device) -> float:
    """Of the shard's members together, from about `TIMED_SECONDS` of training after two steps that are not counted."""
    members = len(shard.runs)
    shard, times = _narrowed(shard, device)
    trainer = Trainer(shard.runs[0], seeds=shard.seeds, lrs=shard.lrs, device=device)
    steps = 0
    for _ in range(2):
        trainer.step()
    _wait(device)
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < TIMED_SECONDS or steps < 2:
        trainer.step()
        _wait(device)
        steps += 1
    return steps * members / spent / times


_STAND_IN = 128
"""Width of what is timed in the place of a wide model on a CPU, whose weights alone take minutes to draw."""


def _narrowed(shard: Shard, device: torch.device) -> tuple[Shard, float]:
    """What is timed, and by how much more a step of the shard itself takes.

    On a CPU a wide model of one member is a narrow one at a sequence a step; its time goes with weights and tokens.
    """
    run = shard.runs[0]
    model = run.model
    if device.type != "cpu" or engine_for(run) != "wide" or model.d_model <= _STAND_IN:
        return shard, 1.0
    heads = model.n_heads if _STAND_IN % model.n_heads == 0 else 1
    scale = _STAND_IN / model.d_model
    given = {name: getattr(model, name) for name in ("d_mlp", "d_inner")}  # others go with the width
    sizes = {name: max(1, round(size * scale)) for name, size in given.items() if size is not None}
    small = replace(model, d_model=_STAND_IN, n_heads=heads, **sizes)
    one = replace(run, model=small, train=replace(run.train, batch=1))
    weights = [parameter_count(config) for config in (model, small)]
    return Shard(runs=(one,)), run.train.batch * weights[0] / weights[1]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _holds_results(folder: str | os.PathLike[str]) -> bool:
    return Path(folder).is_dir() and any(Path(folder).glob("*.parquet"))


def _speeds(left: dict[str, list[Shard]], device: torch.device, timed: Timed) -> dict[str, float]:
    """Model-steps a second of every cell: measured, or in proportion to the size of the nearest that is."""
    order = sorted(left, key=lambda key: _work(left[key]))
    places = {round(i * (len(order) - 1) / max(1, MOST_TIMED - 1)) for i in range(MOST_TIMED)}
    measured = {order[place]: timed(left[order[place]][0], device) for place in sorted(places) if order}
    speeds: dict[str, float] = {}
    for key in order:
        near = min(measured, key=lambda other: abs(math.log(_work(left[other]) / _work(left[key]))))
        speeds[key] = measured[near] * _work(left[near]) / _work(left[key])
    return speeds


def _work(parts: Sequence[Shard]) -> float:
    """The size of one model-step in no particular unit: tokens by layers by width, twice by that of wide models."""
    run = parts[0].runs[0]
    wider = max(1.0, run.model.d_model / WIDE_FROM)
    return run.train.batch * run.train.seq_len * run.model.n_layers * run.model.d_model * wider
