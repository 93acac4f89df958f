"""Every experiment by the name that `plait reproduce` knows it by."""

from collections.abc import Mapping
from types import MappingProxyType

from plait.checks.names import unknown
from plait.experiments.paper.basin import BASIN
from plait.experiments.paper.choices import CHOICES
from plait.experiments.paper.fig4 import FIG4
from plait.experiments.paper.fig5 import FIG5
from plait.experiments.paper.fig6 import FIG6
from plait.experiments.paper.fig7 import FIG7
from plait.experiments.paper.fig11 import FIG11
from plait.experiments.paper.fig12 import FIG12
from plait.experiments.paper.fig13 import FIG13
from plait.experiments.paper.fig14 import FIG14
from plait.experiments.paper.fig15 import FIG15
from plait.experiments.paper.fig16 import FIG16
from plait.experiments.paper.headline import HEADLINE
from plait.experiments.paper.lean import LEAN
from plait.experiments.paper.length import LENGTH
from plait.experiments.paper.proportion import PROPORTION
from plait.experiments.paper.proportion5 import PROPORTION5
from plait.experiments.paper.shapes import SHAPES
from plait.experiments.paper.shift import SHIFT
from plait.experiments.spec import Experiment

_ALL = (
    HEADLINE,
    FIG4,
    FIG5,
    FIG6,
    FIG7,
    FIG11,
    FIG12,
    FIG13,
    FIG14,
    FIG15,
    FIG16,
    LENGTH,
    PROPORTION,
    PROPORTION5,
    SHIFT,
    BASIN,
    SHAPES,
    LEAN,
    CHOICES,
)

CATALOGUE: Mapping[str, Experiment] = MappingProxyType({experiment.name: experiment for experiment in _ALL})


def find_experiment(name: str) -> Experiment:
    """Raises:
    ValueError: no experiment of that name; the message lists the known ones and the nearest.
    """
    if name not in CATALOGUE:
        raise ValueError(unknown("experiment", name, CATALOGUE))
    return CATALOGUE[name]
