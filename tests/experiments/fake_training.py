"""A trainer that costs nothing: every member walks a line of hashes, checkpointed as a real one is.

What it returns is a function of (run, lr, seed) alone, exactly as training promises, whatever it was stopped by.
"""

import hashlib
import json
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from plait.experiments import Experiment, member_id
from plait.model import HybridConfig
from plait.tasks import MultiKeyRecall
from plait.training.run import Run, Train

SECONDS_A_STEP = 0.002
CALLS = "calls.log"


@dataclass(frozen=True)
class FakeMember:
    lr: float
    seed: int
    accuracy: float
    select_accuracy: float
    losses: tuple[float, ...]
    loss_steps: tuple[int, ...]
    parameters: int = 2_008
    correct: int = 1
    scored: int = 10**6
    select_correct: int = 3
    select_scored: int = 10**6
    diverged_at: int | None = None
    eight_accuracy: float | None = 0.5
    sequence_accuracy: float | None = None


@dataclass(frozen=True)
class FakeResult:
    members: tuple[FakeMember, ...]
    device: str = "cpu"
    engine: str = "fake"
    threads: int | None = None
    versions: dict[str, str] = field(
        default_factory=lambda: {"plait": "0.1.0", "torch": "2.13.0", "python": "3.11.7"}
    )


class FakeTrainer:
    """`seconds` a step; with `log`, each call's members are appended to a file."""

    def __init__(self, *, seconds: float = 0.0, log: Path | None = None) -> None:
        self.seconds, self.log = seconds, log

    def __call__(self, run, *, seeds, lrs, device, progress, checkpoint):
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()} {json.dumps([list(lrs), list(seeds)])}\n")
        runs = [replace(run, train=replace(run.train, lr=lr, seed=seed)) for lr in lrs for seed in seeds]
        state = {"step": 0, "walks": [member_id(member) for member in runs], "losses": []}
        if checkpoint is not None and checkpoint.exists():
            state = json.loads(checkpoint.read_text())
        while state["step"] < run.train.steps:
            time.sleep(self.seconds)
            state["step"] += 1
            state["walks"] = [_hash(walk) for walk in state["walks"]]
            state["losses"].append([_uniform(walk, "loss") for walk in state["walks"]])
            if progress is not None:
                progress(state["step"], run.train.steps, state["losses"][-1])
            if checkpoint is not None and state["step"] % 4 == 0:
                part = checkpoint.with_name(f".{checkpoint.name}.part")
                part.write_text(json.dumps(state))
                part.replace(checkpoint)
        return FakeResult(tuple(_member(m, state, index) for index, m in enumerate(runs)))


def _member(run: Run, state, index: int) -> FakeMember:
    walk = state["walks"][index]
    correct, select_correct = (round(10**6 * _uniform(walk, what)) for what in ("test", "select"))
    return FakeMember(
        lr=run.train.lr,
        seed=run.train.seed,
        accuracy=correct / 10**6,
        select_accuracy=select_correct / 10**6,
        correct=correct,
        select_correct=select_correct,
        losses=tuple(losses[index] for losses in state["losses"]),
        loss_steps=tuple(range(1, run.train.steps + 1)),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _uniform(walk: str, what: str) -> float:
    return int(_hash(walk + what)[:13], 16) / 16**13


def small_experiment(*, steps: int = 12, widths=(4, 8, 12), seeds=range(4), lrs=(1e-3, 1e-2)) -> Experiment:
    return Experiment(
        name="small",
        question="Does it come back?",
        base=Run(task=MultiKeyRecall(), model=HybridConfig(d_model=8), train=Train(steps=steps)),
        vary={"model.pattern": ("SSM-TF", "TF-TF"), "model.d_model": widths},
        sweep={"train.lr": lrs, "train.seed": seeds},
    )
