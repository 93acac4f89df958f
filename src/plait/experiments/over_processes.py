"""One model that several processes train together, kept in a store by the first of them."""

from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from plait.experiments.errors import StoreError
from plait.experiments.places import CHECKPOINTS, in_use
from plait.experiments.runner import keep, trained
from plait.experiments.saved_models import check_models, model_folder
from plait.experiments.shards import Shard
from plait.experiments.stopping import BEGINS_ANEW, GOES_ON, Stopped
from plait.experiments.store import Store
from plait.experiments.watch import Unwatched, Watch
from plait.training.run import Run

if TYPE_CHECKING:
    from plait.training.fsdp import Processes


def run_over_processes(
    run: Run,
    folder: Path,
    *,
    device: str = "auto",
    watch: Watch | None = None,
    unchecked: bool = False,
    resumable: bool = True,
    save_models: bool = False,
) -> pl.DataFrame | None:
    """Train the run's one model unless `folder` has it, from its checkpoint there.

    Its row is for the first process, others get None.

    Args:
        device: as `plait.training.train` takes it.
        watch: told how it goes on, on the first process.
        unchecked: as `plait.training.train` takes it.
        resumable: whether checkpoints are kept in the folder, which all processes must then see.
        save_models: whether the trained model is kept beside its row.

    Raises:
        StoreError: a damaged store, one in whose place nothing can be written, or another training of the same model
            there.
        ValueError: as `plait.training.fsdp.train_over_processes`.
        Stopped: on Ctrl-C, in the first process.
    """
    from plait.training.fsdp import processes, train_over_processes

    shard, watch = Shard(runs=(run,)), watch or Unwatched()
    if save_models:
        check_models(folder, shard.runs)
    with processes(device) as those:
        stored = Store(folder).stored() if folder.is_dir() else frozenset[str]()
        if not those.anywhere(shard.members[0] in stored):
            with _claimed(folder, shard.members, those) as store:
                watch.planned([shard])
                watch.began(shard, shard)
                done = 0

                def advanced(step: int, steps: int, losses: list[float]) -> None:
                    nonlocal done
                    watch.advanced(step - done, losses)
                    done = step

                checkpoint = in_use(folder, CHECKPOINTS, f"{shard.id}-fsdp") if resumable else None
                try:
                    result = train_over_processes(
                        run, those, checkpoint=checkpoint, watch=advanced, unchecked=unchecked
                    )
                except KeyboardInterrupt:
                    if those.rank:
                        raise
                    raise _stopped(folder, checkpoint) from None
                if result is not None:
                    if save_models:
                        result.model(0).save(model_folder(folder, shard.members[0]))
                    found = trained(shard, result, ())
                    keep(store, shard, found)
                    watch.finished(shard, found.rows)
        if those.rank:
            return None
        return Store(folder).read().filter(pl.col("member") == shard.members[0])


@contextmanager
def _claimed(folder: Path, members: Collection[str], those: "Processes") -> Generator[Store, None, None]:
    """The store, with the first process's claim of `members`: what cannot be kept is refused before it is trained.

    Raises:
        StoreError: as `run_over_processes`, in every process.
    """
    store, error = Store(folder), None
    with ExitStack() as claims:
        if those.rank == 0:
            try:
                store = Store.for_writing(folder)
                if not claims.enter_context(store.claim(members)):
                    error = StoreError(
                        f"{folder}: another process is training this model there; wait until it ends"
                    )
            except StoreError as refused:
                error = refused
        if those.anywhere(error is not None):
            raise error or StoreError(f"{folder}: the first process cannot keep its results there")
        yield store


def _stopped(folder: Path, checkpoint: Path | None) -> Stopped:
    from plait.training.fsdp.checkpoint import whole_steps

    if checkpoint is None or not whole_steps(checkpoint):
        return Stopped(f"stopped: nothing was saved yet in {str(folder)!r}; {BEGINS_ANEW}")
    return Stopped(f"stopped: its last checkpoint is in {str(folder)!r}; {GOES_ON}")
