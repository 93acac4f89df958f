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

from plait.experiments.folder import StoreError, writing
from plait.experiments.jobs import ExperimentFolders, Job, jobs_of, lacking, missing
from plait.experiments.notes import BEGINS_ANEW, GOES_ON, shards_said, stopped
from plait.experiments.schema import MeasurableShard, evaluation_rows, rows_of
from plait.experiments.shards import Onlooker, Shard, Unwatched
from plait.experiments.spec import Experiment
from plait.experiments.store import Store
from plait.training.identity import member_id
from plait.training.run import Evaluation, Run
from plait.training.watching import Callback


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


def run_experiment(
    experiment: Experiment,
    folder: str | os.PathLike[str],
    *,
    train: TrainRun | None = None,
    device: str = "auto",
    max_members: int | None = None,
    watch: Onlooker | None = None,
    wait: float | None = None,
    beside: ExperimentFolders = (),
) -> pl.DataFrame:
    """The experiment's rows, sorted by identity, after training those that `folder` does not hold.

    Other processes may work on the same folder: each shard is trained by one of them.

    Args:
        max_members: members of one ensemble; None for what suits the device. It changes no number.
        wait: seconds for what other processes are training, once all else is done; None for as long as it takes.
        beside: experiments that are made later, each with its folder: what they want measured of members that are
            trained now is measured now, so that these need not be trained again.

    Raises:
        ValueError: a slice that leaves nothing, or what training refuses.
        StoreError: the folder cannot be read, or cannot be written and lacks some of the members, or holds a damaged
            shard; others are not done in time.
        Stopped: on Ctrl-C.
    """
    watch = watch or Unwatched()
    (job,) = jobs_of([(experiment, folder)], device=device, max_members=max_members, beside=beside)
    watch.planned(job.shards)
    for line in job.notes():
        watch.noted(line)
    try:
        todo = [(job, shard) for shard in job.shards]
        train_all(todo, train=train or plait_train(), device=device, watch=watch, wait=wait)
    except KeyboardInterrupt:
        raise stopped(job.kept) from None
    return rows_of_experiment(job.store, experiment)


def train_all(
    todo: Sequence[tuple[Job, Shard]],
    *,
    train: TrainRun,
    device: str,
    watch: Onlooker,
    wait: float | None = None,
) -> None:
    """See to it that these shards are stored, in this order but for those that other processes are at.

    Those that are stored already come first, so that the time that is left does not count them.

    Args:
        wait: seconds for those, once all else is done; None for as long as it takes.

    Raises:
        ValueError: what training refuses.
        StoreError: others are not done in time, or a folder cannot be read or written.
    """
    work = _Work(train=train, device=device, watch=watch)
    left: list[tuple[Job, Shard]] = [pair for pair in _stored_first(todo) if not work.do(*pair)]
    began = time.monotonic()
    while left:
        if wait is not None and time.monotonic() - began > wait:
            raise StoreError(
                f"another process still trains {shards_said(len(left))} in {str(left[0][0].store.folder)!r}"
            )
        watch.waiting(len(left))
        time.sleep(POLL_SECONDS)
        left = [pair for pair in left if not work.do(*pair)]


def _stored_first(todo: Sequence[tuple[Job, Shard]]) -> list[tuple[Job, Shard]]:
    written = {id(job): job for job, _ in todo if job.written}
    found = {key: (job.store.stored(), job.store.evaluated()) for key, job in written.items()}

    def is_lacking(pair: tuple[Job, Shard]) -> bool:
        job, shard = pair
        return job.written and bool(lacking(shard, job.experiment.evaluations, *found[id(job)]))

    return sorted(todo, key=is_lacking)


def rows_of_experiment(store: Store, experiment: Experiment) -> pl.DataFrame:
    """The experiment's members among those that are stored."""
    wanted = [member_id(run) for run in experiment.expand()]
    return store.rows_of(wanted)


@dataclass(frozen=True, kw_only=True)
class _Work:
    train: TrainRun
    device: str
    watch: Onlooker

    def do(self, job: Job, shard: Shard) -> bool:
        """Sees to it that `shard` is stored; False, at once, if another process is at one of its members."""
        if not job.written:
            self.watch.finished(shard, None)
            return True
        with job.store.claim(shard.members) as free:
            if not free:
                return False
            # Only under the claim is it certain that nobody has stored it meanwhile.
            parts = missing(job.store, shard, job.experiment.evaluations)
            rows = [self._train(job, shard, part) for part in parts]
            job.store.sweep(shard)
        self.watch.finished(shard, pl.concat(rows) if rows else None)
        return True

    def _train(self, job: Job, shard: Shard, part: Shard) -> pl.DataFrame:
        def progress(done: int, total: int, losses: Sequence[float]) -> None:
            self.watch.advanced(done * len(part.runs), losses)

        self.watch.began(shard, part)
        with writing(job.store.folder):
            result = self.train(
                part.runs[0],
                seeds=part.seeds,
                lrs=part.lrs,
                device=self.device,
                progress=progress,
                checkpoint=job.store.checkpoint(part),
            )
        found = trained(part, result, job.evaluations(part))
        keep(job.store, part, found)
        return found.rows


def plait_train(
    *, unchecked: bool = False, engine: str = "auto", callback: Callback | None = None
) -> TrainRun:
    """What trains unless something else is given; all arguments as in `plait.training.train`."""
    from plait.training import train

    return functools.partial(train, unchecked=unchecked, engine=engine, callback=callback)
