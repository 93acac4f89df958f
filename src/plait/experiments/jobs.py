"""What is asked for: experiments with the stores of their results, cut into shards, and what of these is missing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeAlias

from plait.experiments.folder import StoreError
from plait.experiments.notes import code_notes
from plait.experiments.schema import wanted_evaluations
from plait.experiments.shards import MAX_MEMBERS, MAX_MEMBERS_ON_GPU, Shard, plan_shards
from plait.experiments.spec import Experiment
from plait.experiments.store import Store
from plait.training.identity import member_id
from plait.training.machine import resolve_device
from plait.training.run import Evaluation


@dataclass(frozen=True, kw_only=True)
class Job:
    """An experiment, the store of its results, and the shards that make it.

    Args:
        written: whether the store can be written; if not, every shard is stored.
        elsewhere: what other experiments of the same folder want measured of members that are theirs, too.
    """

    experiment: Experiment
    store: Store
    shards: tuple[Shard, ...]
    written: bool = True
    elsewhere: Mapping[str, tuple[Evaluation, ...]] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        """What the user should know before it is trained."""
        return tuple(code_notes((run for shard in self.shards for run in shard.runs), self.store))

    def evaluations(self, part: Shard) -> tuple[Evaluation, ...]:
        """Where to measure a part while its weights are at hand: its own places, and those of other experiments."""
        others = (self.elsewhere.get(member, ()) for member in part.members)
        return tuple(dict.fromkeys(chain(self.experiment.evaluations, *others)))

    @property
    def kept(self) -> tuple[Store, tuple[Shard, ...]]:
        return self.store, self.shards

    def left(self) -> int:
        """How many shards are not stored whole."""
        return sum(1 for shard in self.shards if missing(self.store, shard, self.experiment.evaluations))


ExperimentFolders: TypeAlias = Sequence[tuple[Experiment, str | os.PathLike[str]]]
"""Experiments, each with the folder of its results; several may have one folder."""


def jobs_of(
    asked: ExperimentFolders, *, device: str, max_members: int | None, beside: ExperimentFolders = ()
) -> tuple[Job, ...]:
    """What makes the experiments that are asked for.

    Args:
        beside: experiments that are made later; what they want measured of members that are shared is measured now.

    Raises:
        ValueError: as `plan_for`.
        StoreError: a folder that cannot be written, if anything of its experiment is not stored.
    """
    planned = [
        (experiment, folder, plan_for(experiment, device=device, max_members=max_members))
        for experiment, folder in asked
    ]
    jobs = tuple(_job(experiment, folder, shards) for experiment, folder, shards in planned)
    stores = {job.store.folder: job.store for job in jobs}
    wanted = {folder: wanted_elsewhere(store, (*asked, *beside)) for folder, store in stores.items()}
    return tuple(replace(job, elsewhere=wanted[job.store.folder]) for job in jobs)


def wanted_elsewhere(store: Store, asked: ExperimentFolders) -> Mapping[str, tuple[Evaluation, ...]]:
    """By member, what the experiments of that store want measured."""
    found: dict[str, tuple[Evaluation, ...]] = {}
    for experiment, folder in asked:
        if experiment.evaluations and Store(folder).folder == store.folder:
            for member in map(member_id, experiment.expand()):
                found[member] = (*found.get(member, ()), *experiment.evaluations)
    return found


def _job(experiment: Experiment, folder: str | os.PathLike[str], shards: tuple[Shard, ...]) -> Job:
    try:
        return Job(experiment=experiment, store=Store.for_writing(folder), shards=shards)
    except StoreError:
        job = Job(experiment=experiment, store=Store(folder), shards=shards, written=False)
        if not job.store.folder.is_dir() or job.left():
            raise
        return job


def plan_for(experiment: Experiment, *, device: str, max_members: int | None) -> tuple[Shard, ...]:
    """The experiment's shards, of what suits the device unless `max_members` is given.

    Raises:
        ValueError: a slice that leaves nothing, or a device that is not there.
    """
    if max_members is None:
        on_gpu = resolve_device(device).type == "cuda"
        max_members = MAX_MEMBERS_ON_GPU if on_gpu else MAX_MEMBERS
    return plan_shards(experiment.expand(), max_members=max_members)


def missing(store: Store, shard: Shard, evaluations: Sequence[Evaluation]) -> tuple[Shard, ...]:
    """The parts of a shard whose members are not stored with every evaluation that is asked for."""
    return lacking(shard, evaluations, store.stored(), store.evaluated() if evaluations else frozenset())


def lacking(
    shard: Shard,
    evaluations: Sequence[Evaluation],
    stored: frozenset[str],
    evaluated: frozenset[tuple[str, ...]],
) -> tuple[Shard, ...]:
    """`missing`, by what a store has been found to hold."""
    if not evaluations:
        return shard.without(stored)
    pairs = zip(shard.members, shard.runs, strict=True)
    return shard.without(
        frozenset(
            member
            for member, run in pairs
            if member in stored and wanted_evaluations(run, evaluations) <= evaluated
        )
    )
