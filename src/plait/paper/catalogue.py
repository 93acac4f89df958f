"""Every figure by the name that `plait reproduce` knows it by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from plait.checks import resolve, unknown
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
