"""Every figure by the name that `plait reproduce` knows it by, and what of one was asked for: the whole or a part."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from plait.checks import resolve, unknown
from plait.experiments.settings import find_setting
from plait.experiments.spec import Experiment
from plait.findings.figure import Figure
from plait.paper.basin import BASIN
from plait.paper.choices import CHOICES
from plait.paper.fig4 import FIG4
from plait.paper.fig5 import FIG5
from plait.paper.fig6 import FIG6
from plait.paper.fig7 import FIG7, NEEDLE
from plait.paper.fig8 import FIG8
from plait.paper.fig11 import FIG11
from plait.paper.fig12 import FIG12
from plait.paper.fig13 import FIG13
from plait.paper.fig14 import FIG14
from plait.paper.fig15 import FIG15
from plait.paper.fig16 import FIG16
from plait.paper.headline import HEADLINE
from plait.paper.lean import LEAN
from plait.paper.length import LENGTH
from plait.paper.mixers import MIXERS_FIGURE, MIXERS_LENGTH
from plait.paper.proportion import PROPORTION, PROPORTION5
from plait.paper.rows import ROWS
from plait.paper.shapes import SHAPES
from plait.paper.shift import SHIFT
from plait.paper.steps import STEPS
from plait.paper.tab1 import TAB1

_ALL = (
    HEADLINE,
    FIG4,
    FIG5,
    FIG6,
    FIG7,
    FIG8,
    FIG11,
    FIG12,
    FIG13,
    FIG14,
    FIG15,
    FIG16,
    TAB1,
    LENGTH,
    PROPORTION,
    PROPORTION5,
    SHIFT,
    BASIN,
    SHAPES,
    LEAN,
    CHOICES,
    NEEDLE,
    STEPS,
    ROWS,
    MIXERS_FIGURE,
    MIXERS_LENGTH,
)

FIGURES: Mapping[str, Figure] = MappingProxyType({figure.name: figure for figure in _ALL})

CATALOGUE: Mapping[str, Experiment] = MappingProxyType(
    {name: figure.experiment for name, figure in FIGURES.items()}
)


def find_figure(name: str) -> Figure:
    """The figure of the paper, or one of a user's own: `module:FIG`, a `Figure` or a bare `Experiment`.

    Raises:
        ValueError: no figure of that name; the message lists the known ones and the nearest.
    """
    if ":" in name:
        found = resolve(name, "figure", wanted="Figure or Experiment", accepts=_is_figure)
        return found if isinstance(found, Figure) else Figure(experiment=cast(Experiment, found))
    if name not in FIGURES:
        raise ValueError(f"{unknown('experiment', name, FIGURES)} (a figure of your own: module:FIG)")
    return FIGURES[name]


def _is_figure(value: object) -> bool:
    return isinstance(value, Figure | Experiment)


def find_experiment(name: str) -> Experiment:
    """The experiment of a figure.

    Raises:
        ValueError: as `find_figure`.
    """
    return find_figure(name).experiment


@dataclass(frozen=True, kw_only=True)
class Request:
    """A figure and the part of its experiment that is to be run.

    Args:
        figure: with every further pattern, in the setting that was asked for.
        part: of the figure's experiment.
        command: what asks for it again, but for the folder.
    """

    figure: Figure
    part: Experiment
    command: str


def ask(
    name: str,
    *,
    full: bool = False,
    setting: str | None = None,
    patterns: Sequence[str] = (),
    only: Sequence[str] = (),
    fields: Mapping[str, Sequence[Any]] | None = None,
) -> Request:
    """The figure of this name, `module:FIG` for one of a user's own.

    Args:
        full: the whole, where the plain form is the quick one.
        setting: one of `plait.experiments.settings`; None for that of the figure's first reading.
        patterns: further ones.
        only, fields: the slice, as it was written and as it was read.

    Raises:
        ValueError: an unknown figure or setting, a pattern that cannot be added, or a slice that names what is not
            there or leaves nothing.
    """
    figure = find_figure(name)
    whole = figure.default if setting is None else figure.experiment.in_setting(find_setting(setting))
    for pattern in patterns:
        whole = whole.with_pattern(pattern)
    part = whole if full else whole.quick_form()
    if fields:
        part = part.where(fields)
    part.expand()
    words = ["plait", "reproduce", name, *(["--full"] if full else [])]
    words += ["--setting", setting] if setting is not None else []
    for option, values in (("--add-pattern", patterns), ("--only", only)):
        for value in values:
            words += [option, value]
    asked = (name, *(word for pattern in patterns for word in ("--add-pattern", pattern)))
    return Request(figure=replace(figure.of(whole), asked=asked), part=part, command=shlex.join(words))
