"""Runs an experiment: trains what the store does not hold, shard by shard, and can be stopped at any time.

What of a shard is to be trained, and how it is stored, is the same whoever trains it.
"""

import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from plait.experiments.edited_code import code_notes
from plait.experiments.errors import StoreError, writing
from plait.experiments.evaluations import MeasurableShard, evaluation_rows, wanted_evaluations
from plait.experiments.schema import rows_of
from plait.experiments.shards import MAX_MEMBERS, MAX_MEMBERS_ON_GPU, Shard, plan_shards
from plait.experiments.spec import Experiment
from plait.experiments.stopping import BEGINS_ANEW, GOES_ON, shards_said, stopped
from plait.experiments.store import Store
from plait.training.evaluation import Evaluation
from plait.training.identity import member_id
from plait.training.machine import resolve_device
from plait.training.moment import Callback
from plait.training.run import Run


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The rows of a part that was trained, and those of its evaluations, None where there are none."""

    rows: pl.DataFrame
    evaluations: pl.DataFrame | None


def trained(
    part: Shard, result: MeasurableShard, evaluations: Sequence[Evaluation], *, resumes: bool = True
) -> Trained:
    """The rows of an ensemble, measured wherever it is asked for while its weights are at hand.

    Args:
        resumes: whether it had a checkpoint.

    Raises:
        StoreError: a callback has stopped the training. A member's identity says how many steps it was trained for, so
            a row of fewer would be a lie that later runs build on; its checkpoint keeps what was made.
    """
    if (stopped_at := getattr(result, "stopped_at", None)) is not None:
        steps = part.runs[0].train.steps
        raise StoreError(
            f"stopped at step {stopped_at:,} of {steps:,} by a callback, and not stored: "
            f"{f'{GOES_ON} there' if resumes else BEGINS_ANEW}"
        )
    elsewhere = evaluation_rows(part, result, evaluations) if evaluations else None
    return Trained(rows=rows_of(part, result), evaluations=elsewhere)


def missing(store: Store, shard: Shard, evaluations: Sequence[Evaluation]) -> tuple[Shard, ...]:
    """The parts of a shard whose members are not stored with every evaluation that is asked for."""
    stored = store.stored()
    if not evaluations:
        return shard.without(stored)
    evaluated = store.evaluated()
    pairs = zip(shard.members, shard.runs, strict=True)
    return shard.without(
        frozenset(
            member
            for member, run in pairs
            if member in stored and wanted_evaluations(run, evaluations) <= evaluated
        )
    )


def keep(store: Store, part: Shard, found: Trained) -> None:
    """Store what was trained; members that are stored already keep their rows.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    if found.evaluations is not None:
        # Before the shard: a stored member then has its evaluations, wherever a kill comes between.
        store.add_evaluations(found.evaluations)
    new = found.rows.filter(~pl.col("member").is_in(list(store.stored())))
    if len(new):
        store.add(new)
    store.sweep(part)


POLL_SECONDS = 0.5
"""How often a shard that another process is training is looked at again."""


class TrainRun(Protocol):
    """`plait.training.train`, or what stands in for it."""

    def __call__(
        self,
        run: Run,
        *,
        seeds: Sequence[int],
        lrs: Sequence[float],
        device: str,
        progress: Callable[[int, int, Sequence[float]], None] | None,
        checkpoint: Path | None,
    ) -> MeasurableShard: ...


class Watch(Protocol):
    """Is told how an experiment goes on."""

    def planned(self, shards: Sequence[Shard]) -> None:
        """These shards make the experiment."""

    def noted(self, line: str) -> None:
        """Something that the user should know before it is trained."""

    def began(self, shard: Shard, part: Shard) -> None:
        """A planned shard is being trained, or the part of it that is not stored yet."""

    def advanced(self, steps: int, losses: Sequence[float]) -> None:
        """So many model-steps of that part are made, in all its members together."""

    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None:
        """A planned shard is stored; `rows` are those trained now, None if it was stored before."""

    def waiting(self, shards: int) -> None:
        """What is left, so many shards, is in the hands of other processes."""


class Unwatched:
    """Says nothing."""

    def planned(self, shards: Sequence[Shard]) -> None: ...
    def noted(self, line: str) -> None: ...
    def began(self, shard: Shard, part: Shard) -> None: ...
    def advanced(self, steps: int, losses: Sequence[float]) -> None: ...
    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None: ...
    def waiting(self, shards: int) -> None: ...


def run_experiment(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    *,
    train: TrainRun | None = None,
    device: str = "auto",
    max_members: int | None = None,
    watch: Watch | None = None,
    wait: float | None = None,
) -> pl.DataFrame:
    """The experiment's rows, sorted by identity, after training those that `folder` does not hold.

    Other processes may work on the same folder: each shard is trained by one of them.

    Args:
        max_members: members of one ensemble; None for what suits the device. It changes no number.
        wait: seconds for what other processes are training, once all else is done; None for as long as it takes.

    Raises:
        ValueError: a slice that leaves nothing, or what training refuses.
        StoreError: the folder cannot be read or written, or holds a damaged shard; others are not done in time.
        Stopped: on Ctrl-C.
    """
    shards = plan_for(experiment, device=device, max_members=max_members)
    store = Store.for_writing(folder)
    work = _Work(
        store=store,
        train=train or plait_train(),
        device=device,
        watch=watch or Unwatched(),
        evaluations=experiment.evaluations,
    )
    work.watch.planned(shards)
    for line in code_notes((run for shard in shards for run in shard.runs), store):
        work.watch.noted(line)
    try:
        left: list[Shard] = [shard for shard in shards if not work.do(shard)]
        began = time.monotonic()
        while left:
            if wait is not None and time.monotonic() - began > wait:
                raise StoreError(
                    f"another process still trains {shards_said(len(left))} in {str(store.folder)!r}"
                )
            work.watch.waiting(len(left))
            time.sleep(POLL_SECONDS)
            left = [shard for shard in left if not work.do(shard)]
    except KeyboardInterrupt:
        raise stopped(store, shards) from None
    return rows_of_experiment(store, experiment)


def plan_for(experiment: Experiment, *, device: str, max_members: int | None) -> tuple[Shard, ...]:
    """The experiment's shards, of what suits the device unless `max_members` is given.

    Raises:
        ValueError: a slice that leaves nothing, or a device that is not there.
    """
    if max_members is None:
        on_gpu = resolve_device(device).type == "cuda"
        max_members = MAX_MEMBERS_ON_GPU if on_gpu else MAX_MEMBERS
    return plan_shards(experiment.expand(), max_members=max_members)


def rows_of_experiment(store: Store, experiment: Experiment) -> pl.DataFrame:
    """The experiment's members among those that are stored."""
    wanted = [member_id(run) for run in experiment.expand()]
    return store.read().filter(pl.col("member").is_in(wanted))


@dataclass(frozen=True, kw_only=True)
class _Work:
    store: Store
    train: TrainRun
    device: str
    watch: Watch
    evaluations: tuple[Evaluation, ...]

    def do(self, shard: Shard) -> bool:
        """Sees to it that `shard` is stored; False, at once, if another process is at one of its members."""
        with self.store.claim(shard.members) as free:
            if not free:
                return False
            # Only under the claim is it certain that nobody has stored it meanwhile.
            parts = missing(self.store, shard, self.evaluations)
            rows = [self._train(shard, part) for part in parts]
            self.store.sweep(shard)
        self.watch.finished(shard, pl.concat(rows) if rows else None)
        return True

    def _train(self, shard: Shard, part: Shard) -> pl.DataFrame:
        def progress(done: int, total: int, losses: Sequence[float]) -> None:
            self.watch.advanced(done * len(part.runs), losses)

        self.watch.began(shard, part)
        with writing(self.store.folder):
            result = self.train(
                part.runs[0],
                seeds=part.seeds,
                lrs=part.lrs,
                device=self.device,
                progress=progress,
                checkpoint=self.store.checkpoint(part),
            )
        found = trained(part, result, self.evaluations)
        keep(self.store, part, found)
        return found.rows


def plait_train(
    *, unchecked: bool = False, engine: str = "auto", callback: Callback | None = None
) -> TrainRun:
    """What trains unless something else is given; all arguments as in `plait.training.train`."""
    from plait.training import train

    return functools.partial(train, unchecked=unchecked, engine=engine, callback=callback)
