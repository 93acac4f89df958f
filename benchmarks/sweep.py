"""Experiments one after the other in one process and within a time limit.

    python benchmarks/sweep.py shift length fig4 --minutes 9 --known results --out runs/packed --seeds 16

What `--known` holds already is not trained again. New members come to `--out` as `members.parquet` and
`evaluations/evaluations.parquet`, every two minutes and at the end; both can be put into any folder of results.
Stopped earlier, the same command goes on from `--work` where that folder is still there.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from plait.experiments import Shard, Stopped, Store, run_experiment
from plait.experiments.fields import cell_label
from plait.experiments.notes import settings_of
from plait.experiments.shard_files import thinned
from plait.experiments.spec import Experiment
from plait.files import write_whole
from plait.paper import find_experiment
from plait.training import Result, Run, train

SAVE_SECONDS = 120


class Log:
    """A line for every shard: its members, seconds and speed; and from time to time what is new goes out."""

    def __init__(self, experiment: Experiment, save: "Save") -> None:
        self.experiment, self.save = experiment, save
        self.began_at = time.monotonic()
        self.shards = self.done = 0

    def planned(self, shards: Sequence[Shard]) -> None:
        self.shards = len(shards)
        steps = sum(shard.steps for shard in shards) / 1e6
        print(f"{self.experiment.name}: {len(shards)} shards, {steps:.1f} million model-steps", flush=True)

    def noted(self, line: str) -> None:
        print(line, flush=True)

    def began(self, shard: Shard, part: Shard) -> None:
        self.began_at = time.monotonic()

    def advanced(self, steps: int, losses: Sequence[float]) -> None: ...

    def waiting(self, shards: int) -> None: ...

    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None:
        self.done += 1
        if rows is None:
            return
        seconds = time.monotonic() - self.began_at
        label = cell_label(settings_of(self.experiment, shard.runs[0]))
        speed = len(rows) * shard.runs[0].train.steps / seconds
        best = rows.group_by("lr").agg(pl.col("select_accuracy", "accuracy").mean()).sort("select_accuracy")
        top = best.row(-1, named=True)
        print(
            f"  {self.done}/{self.shards} {label}: {len(rows)} members, {seconds:.1f} s, {speed:,.0f} steps/s, "
            f"best {top['accuracy']:.3f} at {top['lr']:g}",
            flush=True,
        )
        self.save.now_and_then()


def train_through(
    run: Run,
    *,
    seeds: Sequence[int],
    lrs: Sequence[float],
    device: str,
    progress: Callable[[int, int, Sequence[float]], None] | None,
    checkpoint: Path | None,
) -> Result:
    """Training without checkpoints, which take longer than a shard of seconds is worth."""
    return train(run, seeds=seeds, lrs=lrs, device=device)


class Save:
    """Writes what is stored and was not known before into two files."""

    def __init__(self, store: Store, out: Path) -> None:
        self.store, self.out = store, out
        self.known, self.measured = store.stored(), store.evaluated()
        self.last = time.monotonic()

    def now_and_then(self) -> None:
        if time.monotonic() - self.last > SAVE_SECONDS:
            self.now()

    def now(self) -> None:
        self.last = time.monotonic()
        rows = self.store.read().filter(~pl.col("member").is_in(list(self.known)))
        found = self.store.read_evaluations()
        pairs = pl.DataFrame(list(self.measured), schema=["member", "evaluation"], orient="row")
        if len(pairs):
            found = found.join(pairs, on=["member", "evaluation"], how="anti")
        for name, table in (("members", thinned(rows)), ("evaluations/evaluations", found)):
            path = self.out / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            if len(table):
                part = path.with_name(f".{path.name}.part")
                table.write_parquet(part, compression="zstd", compression_level=12)
                write_whole(path, part.read_bytes())
                part.unlink()
        print(f"  saved {len(rows)} members and {len(found)} evaluations", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="experiments of the catalogue, in this order")
    parser.add_argument("--out", type=Path, required=True, help="where the two files go")
    parser.add_argument("--work", type=Path, default=Path("runs/sweep"), help="the store while it runs")
    parser.add_argument("--known", type=Path, help="a folder of results that need no training")
    parser.add_argument("--minutes", type=float, default=9.0, help="stop training after so many")
    parser.add_argument("--seeds", type=int, default=32, help="so many seeds of each cell")
    parser.add_argument(
        "--lrs", type=lambda text: [float(lr) for lr in text.split(",")], help="these rates alone"
    )
    parser.add_argument("--quick", action="store_true", help="the quick forms")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    experiments = [find_experiment(name) for name in given.names]
    store = Store.for_writing(given.work)
    if given.known is not None and given.known.is_dir():
        for path in given.known.rglob("*.parquet"):
            target = given.work / path.relative_to(given.known)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    save = Save(store, given.out)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 60 * given.minutes)
    try:
        for experiment in experiments:
            chosen = experiment.quick_form() if given.quick else experiment
            if given.seeds < 32:
                chosen = chosen.where({"train.seed": range(given.seeds)})
            if given.lrs is not None:
                chosen = chosen.where({"train.lr": given.lrs})
            run_experiment(
                chosen, given.work, train=train_through, device=given.device, watch=Log(experiment, save)
            )
    except (Stopped, KeyboardInterrupt) as stopped:
        print(stopped or "stopped", flush=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        save.now()


if __name__ == "__main__":
    sys.exit(main())
