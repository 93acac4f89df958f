"""How an experiment is to be looked at: what lies along an axis, what tells lines apart. Data alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class View:
    """A plot of mean accuracy for each value of `panels`.

    Fields are paths into a run that the experiment varies, `parameters`, `train.lr` (which takes each learning
    rate by itself instead of the chosen one), or `test.seq_len`, `test.p_bit` and the like for what differs
    among the experiment's evaluations.

    Args:
        x: the field along the axis.
        y: a second field, for a matrix instead of lines.
        lines: the fields that tell lines apart.
        panels: the fields with a plot for each of their values.
        where: the only values of some fields; of `train.lr`, the rates that one is chosen from.
        log: whether the axis is logarithmic.
        ratio: whether the parameters of pure models over those of hybrids are shown, by accuracy.
        drawn: whether there is a plot; else its tables stand alone.
        title: what the plot shows, for its caption.
    """

    x: str = "parameters"
    y: str | None = None
    lines: tuple[str, ...] = ("model.pattern",)
    panels: tuple[str, ...] = ()
    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    log: bool = True
    ratio: bool = False
    drawn: bool = True
    title: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that it looks at, but what `where` alone names."""
        return tuple(dict.fromkeys((self.x, *([self.y] if self.y else []), *self.lines, *self.panels)))
