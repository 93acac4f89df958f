"""What is known while an ensemble trains: what a callback is given, how it stops, and how it is shown.

A bar and the losses so far in a notebook, one line that is written over on a terminal, and a line every ten seconds
elsewhere. A notebook's bar is IPython's own display, which every kernel has; it needs no ipywidgets.
"""

import html
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from plait.training.run import Run, Train

Watch = Callable[[int, int, list[float]], None]
"""Called now and then with (steps done, steps in all, each member's latest mean loss)."""


_SEQUENCES = 8
"""Of the separate sequences, for the accuracy so far: forward passes of about a third of a step."""

Measure = Callable[[int], tuple[float, ...]]
"""Each member's accuracy on so many of the separate sequences."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where training stands.

    Attributes:
        run: task, model and protocol of the ensemble.
        members: each one's protocol, with its own `lr` and `seed`.
        step, steps: done, and in all.
        loss_steps, curves: at about a hundred steps so far the mean training loss since the one before, in nats: one
            curve a member. They go back to the first step, also after a resume.
        seconds: since training began or was resumed.
        steps_per_second: since then, of the ensemble together.
    """

    run: Run
    members: tuple[Train, ...]
    step: int
    steps: int
    loss_steps: tuple[int, ...]
    curves: tuple[tuple[float, ...], ...]
    seconds: float
    steps_per_second: float
    _measure: Measure = field(repr=False, compare=False)

    @property
    def losses(self) -> tuple[float, ...]:
        """Each member's latest mean loss, in nats."""
        return tuple(curve[-1] for curve in self.curves)

    @property
    def seconds_left(self) -> float:
        return (self.steps - self.step) / max(self.steps_per_second, 1e-9)

    def accuracies(self, sequences: int = _SEQUENCES) -> tuple[float, ...]:
        """Each member's share of right tokens so far, on the first of the sequences that choose learning rates.

        It is measured when it is asked for, which changes no number of the training. 0 where nothing is scored.
        """
        return self._measure(sequences)


Callback = Callable[[Moment], bool | None]
"""Called about a hundred times; True stops the training there, None and False go on."""


def asks_to_stop(callback: Callback, moment: Moment) -> bool:
    """Raises:
    ValueError: an answer that is neither True, False nor None.
    """
    answer = callback(moment)
    if answer is not None and not isinstance(answer, bool):
        raise ValueError(
            f"a callback must return True to stop, or False or None to go on, got {type(answer).__name__}"
        )
    return bool(answer)


def together(callbacks: Sequence[Callback]) -> Callback:
    """One that calls them all, in order, and stops if any of them asks for it."""

    def call(moment: Moment) -> bool:
        answers = [asks_to_stop(callback, moment) for callback in callbacks]
        return any(answers)

    return call


class Clock:
    """Seconds since it was made, and steps a second since then."""

    def __init__(self, step: int) -> None:
        self._began, self._first = time.monotonic(), step

    def read(self, step: int) -> tuple[float, float]:
        seconds = time.monotonic() - self._began
        return seconds, (step - self._first) / max(seconds, 1e-9)


_SECONDS_A_LINE, _SECONDS_A_LOOK = 10.0, 1.0
"""Between two lines where nothing is written over, and between two looks where something is."""

_MOST_CURVES = 32
"""Members whose losses a notebook draws."""


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this process, which can show more than text."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class Display:
    """A callback that shows where training stands, and stops nothing.

    Args:
        file: where lines go; standard error if None.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._notebook, self._terminal = in_notebook(), self._file.isatty()
        self._said = -math.inf if self._notebook or self._terminal else time.monotonic()
        self._handle: Any = None
        self._width = 0

    def __call__(self, moment: Moment) -> None:
        over = moment.step == moment.steps
        every = _SECONDS_A_LOOK if self._notebook or self._terminal else _SECONDS_A_LINE
        written_over = self._notebook or self._terminal
        if time.monotonic() - self._said < every and not (over and written_over):
            return
        self._said = time.monotonic()
        line = _told(moment)
        if self._notebook:
            self._draw(moment, line)
        elif self._terminal:
            self._file.write(f"\r{line:<{self._width}}" + ("\n" if over else ""))
            self._width = len(line)
        else:
            self._file.write(f"{line}\n")
        self._file.flush()

    def _draw(self, moment: Moment, line: str) -> None:
        from IPython.display import HTML, display  # pyright: ignore

        bar = f'<progress value="{moment.step}" max="{moment.steps}"></progress> {html.escape(line)}'
        bar += loss_curves(moment)
        if self._handle is None:
            self._handle: Any = display(HTML(bar), display_id=True)  # pyright: ignore
        else:
            self._handle.update(HTML(bar))


def loss_curves(moment: Moment, *, width: int = 360, height: int = 90) -> str:
    """The first members' training losses so far, as SVG of so many pixels: from step 0 to the last, from 0 nats up.

    Losses that are not finite are left out; nothing before two steps are known.
    """
    shown = moment.curves[:_MOST_CURVES]
    finite = [loss for curve in shown for loss in curve if math.isfinite(loss)]
    if len(moment.loss_steps) < 2 or not finite:
        return ""
    highest = max(finite) or 1.0
    lines = []
    for curve in shown:
        points = (
            f"{width * step / moment.steps:.1f},{height * (1 - loss / highest):.1f}"
            for step, loss in zip(moment.loss_steps, curve, strict=True)
            if math.isfinite(loss)
        )
        lines.append(f'<polyline points="{" ".join(points)}"/>')
    label = f"training loss of {len(shown)} of {len(moment.curves)} members, from 0 to {highest:.3g} nats"
    return (
        f'<br><svg width="{width}" height="{height + 2}" viewBox="0 -1 {width} {height + 2}" role="img" '
        f'aria-label="{label}" fill="none" stroke="currentColor" stroke-opacity="0.6"><title>{label}</title>'
        f"{''.join(lines)}</svg>"
    )


def _told(moment: Moment) -> str:
    """`step 400 of 4,000 · loss 1.234 · accuracy 0.431 · 12 s left · 5,000 model-steps/s`, means over the members."""
    n = len(moment.members)
    return " · ".join(
        (
            f"step {moment.step:,} of {moment.steps:,}",
            f"loss {sum(moment.losses) / n:.3f}",
            f"accuracy {sum(moment.accuracies()) / n:.3f}",
            f"{duration(moment.seconds_left)} left",
            f"{moment.steps_per_second * n:,.0f} model-steps/s",
        )
    )


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`, rounded up."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
