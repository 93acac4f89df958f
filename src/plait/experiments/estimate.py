"""How long an experiment still takes, from the speed measured so far."""

import time
from collections.abc import Callable, Sequence

from plait.experiments.shards import Shard, cell_key


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
