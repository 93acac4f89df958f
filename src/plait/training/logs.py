"""Loss and accuracy while training, for other tools: CSV files, TensorBoard, Weights & Biases.

A log is a callback; `close` ends it. The last two are the libraries' own writers, imported when they are asked for.
"""

import csv
import importlib.util
import io
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from plait.checks import unknown
from plait.files import write_whole
from plait.training.identity import member_id
from plait.training.watching import Moment

SECONDS_A_FILE = 1.0
"""Between two times that CSV files are written."""


class Log(Protocol):
    """A callback that writes, and is closed at the end."""

    def __call__(self, moment: Moment) -> None: ...

    def close(self) -> None: ...


def log_to(kind: str, folder: str | os.PathLike[str]) -> Log:
    """A log of that kind: `csv`, `tensorboard` or `wandb`.

    Args:
        folder: where it writes: `MEMBER.csv`, one a member; a folder of TensorBoard's a member; wandb's own files.

    Raises:
        ValueError: an unknown kind, or a library that is not installed.
    """
    if kind not in _LOGS:
        raise ValueError(unknown("log", kind, _LOGS))
    package = _PACKAGES.get(kind)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ValueError(f"--log {kind} needs the package {package}: pip install {package}")
    return _LOGS[kind](Path(folder))


class CsvLog:
    """`MEMBER.csv`, written whole about once a second: a row a step with its loss in nats and the accuracy where it was
    measured.

    MEMBER is the member's identity in the store.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._accuracies: dict[tuple[str, int], float] = {}
        self._written = time.monotonic()

    def __call__(self, moment: Moment) -> None:
        names = names_of(moment)
        for name, accuracy in zip(names, moment.accuracies(), strict=True):
            self._accuracies[name, moment.step] = accuracy
        if moment.step < moment.steps and time.monotonic() - self._written < SECONDS_A_FILE:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, curve in zip(names, moment.curves, strict=True):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(("step", "loss", "accuracy"))
            for step, loss in zip(moment.loss_steps, curve, strict=True):
                writer.writerow((step, loss, self._accuracies.get((name, step), "")))
            write_whole(self._folder / f"{name}.csv", text.getvalue().encode())
        self._written = time.monotonic()

    def close(self) -> None: ...


class TensorBoardLog:
    """The scalars `loss` and `accuracy`, in one folder a member, named by its identity in the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def __call__(self, moment: Moment) -> None:
        from torch.utils.tensorboard import SummaryWriter  # pyright: ignore

        values = zip(names_of(moment), moment.losses, moment.accuracies(), strict=True)
        for name, loss, accuracy in values:
            if name not in self._writers:
                self._writers[name] = SummaryWriter(str(self._folder / name))
            self._writers[name].add_scalar("loss", loss, moment.step)
            self._writers[name].add_scalar("accuracy", accuracy, moment.step)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


class WandbLog:
    """One run of wandb an ensemble, in the project `plait` unless WANDB_PROJECT says another.

    Its config is the run; it has a `loss` and an `accuracy` a member, by learning rate and seed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: Any = None
        self._first = ""

    def __call__(self, moment: Moment) -> None:
        import wandb  # pyright: ignore

        first = names_of(moment)[0]
        if first != self._first:
            self.close()
            project = os.environ.get("WANDB_PROJECT", "plait")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._run = wandb.init(project=project, dir=str(self._folder), config=moment.run.to_json())
            self._first = first
        told: dict[str, float] = {}
        for member, loss, accuracy in zip(moment.members, moment.losses, moment.accuracies(), strict=True):
            told[f"loss/lr={member.lr:g} seed={member.seed}"] = loss
            told[f"accuracy/lr={member.lr:g} seed={member.seed}"] = accuracy
        self._run.log(told, step=moment.step)

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()
            self._run = None


def names_of(moment: Moment) -> tuple[str, ...]:
    """Each member's identity in the store."""
    return tuple(member_id(replace(moment.run, train=train)) for train in moment.members)


_LOGS: Mapping[str, Callable[[Path], Log]] = MappingProxyType(
    {"csv": CsvLog, "tensorboard": TensorBoardLog, "wandb": WandbLog}
)
_PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}
