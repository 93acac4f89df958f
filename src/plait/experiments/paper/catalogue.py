"""Every experiment by the name that `plait reproduce` knows it by."""

from collections.abc import Mapping
from types import MappingProxyType

from plait.experiments.paper.headline import HEADLINE
from plait.experiments.spec import Experiment
from plait.names import unknown

CATALOGUE: Mapping[str, Experiment] = MappingProxyType(
    {experiment.name: experiment for experiment in (HEADLINE,)}
)


def find_experiment(name: str) -> Experiment:
    """Raises:
    ValueError: no experiment of that name; the message lists the known ones and the nearest.
    """
    if name not in CATALOGUE:
        raise ValueError(unknown("experiment", name, CATALOGUE))
    return CATALOGUE[name]
