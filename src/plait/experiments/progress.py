"""How an experiment goes on: one line a finished shard, and a bar with the time that is left, or lines of it.

The time that is left is told from the speed measured so far.
"""

import math
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from plait.checks import counted, printable
from plait.experiments.fields import cell_label
from plait.experiments.notes import settings_of, shards_said
from plait.experiments.shards import Shard, cell_key
from plait.experiments.spec import Experiment
from plait.training.watching import Moment, duration

_SECONDS_A_LINE, SECONDS_A_WAITING_LINE, _SECONDS_A_LOOK = 10.0, 5.0, 2.0
"""Between the lines that say how far it is, where no terminal shows a bar; between two accuracies, where one does."""


class Estimate:
    """Model-steps done and to do, and the seconds that are left.

    A cell that has run is expected to go on at its measured speed. For one that has not, a model-step is
    taken to cost in proportion to its width, until it is measured.
    """

    def __init__(self, shards: Sequence[Shard], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = {shard.id: shard for shard in shards}
        self._cells = {shard.id: cell_key(shard.runs[0]) for shard in shards}
        self._widths = {self._cells[shard.id]: shard.runs[0].model.d_model for shard in shards}
        self._measured: dict[str, tuple[int, float]] = {}
        self._current: Shard | None = None
        self._began = 0.0
        self._base = self._reported = 0
        self._first: int | None = None
        self.total = sum(shard.steps for shard in shards)

    def begin(self, shard: Shard, part: Shard) -> None:
        """`part` of a planned shard is trained now; the rest of it counts as done."""
        self._current, self._began = shard, self._clock()
        self._base = self._reported = shard.steps - part.steps
        self._first = None

    def advance(self, steps: int) -> None:
        """So many model-steps of the part are made.

        Speed is measured from the first report on: it may tell of steps that were made before a restart.
        """
        self._reported = self._base + steps
        if self._first is None:
            self._first, self._began = self._reported, self._clock()

    def finish(self, shard: Shard) -> None:
        """The shard is stored, by this process or another."""
        if self._current is not None and self._current.id == shard.id:
            cell = self._cells[shard.id]
            steps, seconds = self._measured.get(cell, (0, 0.0))
            self._measured[cell] = (steps + self._made, seconds + self._clock() - self._began)
            self._current = None
        self._left.pop(shard.id, None)

    @property
    def done(self) -> int:
        """Model-steps, those found in the store included."""
        waiting = sum(shard.steps for shard in self._left.values())
        return self.total - waiting + (self._reported if self._current is not None else 0)

    @property
    def rate(self) -> float | None:
        """Model-steps a second of the shard that is being trained; None before it is known."""
        if self._current is None:
            return None
        return _rate(self._made, self._clock() - self._began)

    @property
    def _made(self) -> int:
        return 0 if self._first is None else self._reported - self._first

    def seconds_left(self) -> float | None:
        """None before anything is measured."""
        rates = {cell: _rate(*measured) for cell, measured in self._measured.items()}
        if self._current is not None:
            rates[self._cells[self._current.id]] = self.rate or rates.get(self._cells[self._current.id])
        known = {cell: rate for cell, rate in rates.items() if rate is not None}
        if not known:
            return None
        speed = sum(rate * self._widths[cell] for cell, rate in known.items()) / len(known)
        guessed = {cell: speed / width for cell, width in self._widths.items()} | known
        seconds = sum(shard.steps / guessed[self._cells[shard.id]] for shard in self._left.values())
        if self._current is not None:
            seconds -= self._reported / guessed[self._cells[self._current.id]]
        return max(0.0, seconds)


def _rate(steps: int, seconds: float) -> float | None:
    return steps / seconds if steps > 0 and seconds > 0 else None


class LiveProgress:
    """A `Watch` for one experiment or several, to be entered as a context; the bar goes when it is left."""

    def __init__(self, experiments: Experiment | Sequence[Experiment], console: Console) -> None:
        self._experiments = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
        self._whose: dict[str, Experiment] = {}
        self._console = console
        self._shards = self._stored = 0
        self._said = time.monotonic()
        self._doing = ""
        self._loss: float | None = None
        self._accuracy: float | None = None
        self._looked = -math.inf
        self._estimate = Estimate(())
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bar.add_task("", total=None, left="")

    def __enter__(self) -> "LiveProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def planned(self, shards: Sequence[Shard]) -> None:
        self._shards, self._estimate = len(shards), Estimate(shards)
        self._bar.update(self._task, total=self._estimate.total)

    def noted(self, line: str) -> None:
        self._console.print(escape(printable(line)), highlight=False, soft_wrap=True)

    def began(self, shard: Shard, part: Shard) -> None:
        self._estimate.begin(shard, part)
        self._loss = self._accuracy = None
        self._show(f"{self._label(part)}, {_members(len(part.runs))}")

    def advanced(self, steps: int, losses: Sequence[float]) -> None:
        self._estimate.advance(steps)
        self._loss = sum(losses) / len(losses) if losses else None
        self._show()

    def saw(self, moment: Moment) -> None:
        """A callback of training: from time to time the accuracy so far is measured, a mean over the members."""
        every = _SECONDS_A_LOOK if self._console.is_terminal else _SECONDS_A_LINE
        if time.monotonic() - self._looked >= every:
            self._looked = time.monotonic()
            self._accuracy = sum(found := moment.accuracies()) / len(found)

    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None:
        self._estimate.finish(shard)
        self._stored += 1
        if rows is not None:
            self.noted(f"{self._label(shard)}: {_outcome(rows)}")
        self._show()

    def waiting(self, shards: int) -> None:
        line = f"waiting for another process to finish {shards} of {shards_said(self._shards)}"
        self._show(f"{line} (--wait SECONDS gives up)", every=SECONDS_A_WAITING_LINE)

    def _label(self, shard: Shard) -> str:
        if len(self._experiments) == 1:
            return cell_label(settings_of(self._experiments[0], shard.runs[0]))
        if not self._whose:
            for one in reversed(self._experiments):  # what several have is called after the first of them
                self._whose |= {cell_key(runs[0]): one for runs in one.expand_cells()}
        whose = self._whose[cell_key(shard.runs[0])]
        return f"{whose.name}: {cell_label(settings_of(whose, shard.runs[0]))}"

    def _show(self, description: str | None = None, *, every: float | None = None) -> None:
        rate = self._estimate.rate
        words = [f"{self._stored} of {shards_said(self._shards)}"]
        if self._loss is not None and self._estimate.rate is not None:
            words.append(f"loss {self._loss:.3f}")
        if self._accuracy is not None:
            words.append(f"accuracy {self._accuracy:.3f}")
        if (left := self._estimate.seconds_left()) is not None:
            words.append(f"{duration(left)} left")
        if rate is not None:
            words.append(f"{rate:,.0f} model-steps/s")
        self._doing = self._doing if description is None else printable(description)
        self._bar.update(
            self._task,
            completed=self._estimate.done,
            description=escape(self._doing),
            left=" · ".join(words),
        )
        if not self._console.is_terminal and time.monotonic() - self._said >= (
            _SECONDS_A_LINE if every is None else every
        ):
            self._said = time.monotonic()
            self.noted(f"{self._doing} · {' · '.join(words)}")


def _outcome(rows: pl.DataFrame) -> str:
    """The mean accuracy at the learning rate that these members' separate sequences choose."""
    by_lr = rows.group_by("lr").agg(pl.col("select_accuracy", "accuracy").fill_nan(0.0).mean())
    best = by_lr.sort("select_accuracy", "lr", descending=[True, False]).row(0, named=True)
    return (
        f"{_members(len(rows))} trained, mean accuracy {best['accuracy']:.3f} at learning rate {best['lr']:g}"
    )


def _members(n: int) -> str:
    return counted(n, "member")
