"""One model that several processes train together, kept in a store by the first of them."""

from pathlib import Path

import polars as pl

from plait.experiments.places import CHECKPOINTS, in_use
from plait.experiments.runner import Unwatched, Watch, keep, trained
from plait.experiments.saved_models import check_models, model_folder
from plait.experiments.shards import Shard
from plait.experiments.store import Store
from plait.training.run import Run


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
        StoreError: a damaged store, or one in whose place nothing can be written.
        ValueError: as `plait.training.fsdp.train_over_processes`.
    """
    from plait.training.fsdp import processes, train_over_processes

    shard, watch = Shard(runs=(run,)), watch or Unwatched()
    if save_models:
        check_models(folder, shard.runs)
    with processes(device) as those:
        stored = Store(folder).stored() if folder.is_dir() else frozenset[str]()
        if not those.anywhere(shard.members[0] in stored):
            watch.planned([shard])
            watch.began(shard, shard)
            done = 0

            def advanced(step: int, steps: int, losses: list[float]) -> None:
                nonlocal done
                watch.advanced(step - done, losses)
                done = step

            result = train_over_processes(
                run,
                those,
                checkpoint=in_use(folder, CHECKPOINTS, f"{shard.id}-fsdp") if resumable else None,
                watch=advanced,
                unchecked=unchecked,
            )
            if result is not None:
                if save_models:
                    result.model(0).save(model_folder(folder, shard.members[0]))
                store = Store.for_writing(folder)
                with store.claim(shard.members):
                    found = trained(shard, result, ())
                    keep(store, shard, found)
                watch.finished(shard, found.rows)
        if those.rank:
            return None
        return Store(folder).read().filter(pl.col("member") == shard.members[0])
