"""Readings: the same claims read in one setting of an experiment, or with each model in the one that suits it best."""

from dataclasses import dataclass

from plait.checks import unknown
from plait.experiments import Experiment
from plait.experiments.cell import at_its_best
from plait.experiments.settings import AS_RUN, BEST, KEPT, Setting
from plait.findings.evidence import Evidence, StoredRows


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Which of the trained models a claim is read from.

    Args:
        name: as in the name of a file.
        title: a few words for a table's head.
        settings: of the experiment; of several each model takes the one with the best mean on separate sequences.
            Empty for the experiment's own.
    """

    name: str
    title: str
    settings: tuple[Setting, ...] = ()

    def experiments(self, experiment: Experiment) -> tuple[Experiment, ...]:
        """The experiment in each of the settings."""
        return tuple(experiment.in_setting(setting) for setting in self.settings) or (experiment,)


AS_TRAINED = Reading(name="trained", title="ours")
AS_IT_WAS_RUN = Reading(name="as-run", title=AS_RUN.title, settings=(AS_RUN,))
AT_ITS_BEST = Reading(name="best", title="each model at its best", settings=BEST)
STEPS_KEPT = Reading(name="kept", title=KEPT.title, settings=(KEPT,))

READINGS = (AS_IT_WAS_RUN, AT_ITS_BEST, STEPS_KEPT)


def find_reading(name: str) -> Reading:
    """Raises:
    ValueError: no reading of that name; the message lists the known ones and the nearest.
    """
    known = {reading.name: reading for reading in (*READINGS, AS_TRAINED)}
    if name not in known:
        raise ValueError(unknown("reading", name, known))
    return known[name]


def read(experiment: Experiment, stored: StoredRows, reading: Reading = AS_TRAINED) -> Evidence:
    """What is stored of the experiment in this reading."""
    each = reading.experiments(experiment)
    placed = [stored.placed(one) for one in each]
    places = sorted(set().union(*placed))
    cells = tuple(at_its_best([found[place] for found in placed if place in found]) for place in places)
    return Evidence(experiment=each[0], forms=each, cells=cells, stored=stored)
