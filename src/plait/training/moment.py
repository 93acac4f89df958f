"""What is known while an ensemble trains: what a callback is given, about a hundred times, and how it stops."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plait.training.run import Run, Train

Watch = Callable[[int, int, list[float]], None]
"""Called now and then with (steps done, steps in all, each member's latest mean loss)."""


SEQUENCES = 8
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

    def accuracies(self, sequences: int = SEQUENCES) -> tuple[float, ...]:
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
