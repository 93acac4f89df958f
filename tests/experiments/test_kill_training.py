"""SIGKILL in the middle of real training: the restarted run's rows are bitwise those of an undisturbed one."""

import contextlib
import random
import time
from pathlib import Path

import pytest
from processes import CONTEXT

from plait.experiments import Experiment, Store, run_experiment
from plait.model import HybridConfig
from plait.tasks import MultiKeyRecall
from plait.training.run import Run, Train

EXPERIMENT = Experiment(
    name="tiny",
    question="Is a killed run the same run?",
    base=Run(
        task=MultiKeyRecall(),
        model=HybridConfig(d_model=4),
        train=Train(steps=700, batch=2, seq_len=16, warmup=10, test_sequences=8, select_sequences=4),
    ),
    vary={"model.pattern": ("SSM-TF",)},
    sweep={"train.lr": (1e-3, 1e-2), "train.seed": range(2)},
)
N_KILLS = 3


def work(folder: str) -> None:
    run_experiment(EXPERIMENT, folder, device="cpu", max_members=2)


def checkpoints(folder: Path) -> set[tuple[str, int]]:
    """Each by its name and when it was written."""
    found: set[tuple[str, int]] = set()
    for path in (folder / "_checkpoints").rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_mtime_ns))
    return found


@pytest.mark.slow
def test_killed_and_started_again(tmp_path):
    folder, chance = tmp_path / "killed", random.Random(1)
    for _ in range(N_KILLS):
        process = CONTEXT.Process(target=work, args=(str(folder),))
        before = checkpoints(folder)
        process.start()
        while process.is_alive() and checkpoints(folder) <= before:
            time.sleep(0.005)
        process.join(chance.uniform(0.0, 0.1))
        process.kill()
        process.join()
    work(str(folder))
    work(str(tmp_path / "undisturbed"))
    assert Store(folder).read().equals(Store(tmp_path / "undisturbed").read())
    assert {p.name for p in folder.iterdir()} == {p.name for p in (tmp_path / "undisturbed").iterdir()}
    assert not checkpoints(folder)
