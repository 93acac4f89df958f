"""How far training is, for whoever looks on: a bar in a notebook, one line that is written over on a terminal, and a
line every ten seconds elsewhere.

A notebook's bar is IPython's own display, which every kernel has; it needs no ipywidgets.
"""

import html
import math
import sys
import time
from typing import Any, TextIO

from plait.training.moment import Moment

SECONDS_A_LINE, SECONDS_A_LOOK = 10.0, 1.0
"""Between two lines where nothing is written over, and between two looks where something is."""


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
        every = SECONDS_A_LOOK if self._notebook or self._terminal else SECONDS_A_LINE
        written_over = self._notebook or self._terminal
        if time.monotonic() - self._said < every and not (over and written_over):
            return
        self._said = time.monotonic()
        line = told(moment)
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
        if self._handle is None:
            self._handle: Any = display(HTML(bar), display_id=True)  # pyright: ignore
        else:
            self._handle.update(HTML(bar))


def told(moment: Moment) -> str:
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
