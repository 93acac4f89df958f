"""A figure as a value: an experiment, what others measured of it, and the claims that its rows decide.

    FIG = Figure(
        experiment=Experiment(name="mine", ..),
        claims=(Claim(statement="MINE is above TF-TF", judge=ahead({PATTERN: "MINE"}, ({PATTERN: "TF-TF"},))),),
    )

Such a value in any module is reproduced as `plait reproduce module:FIG`. A reading of it takes the same claims in one
setting of the experiment, or with each model in the one that suits it best.
"""

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from plait.checks import unknown
from plait.experiments import Experiment
from plait.experiments.cell import at_its_best
from plait.experiments.ratio import accuracy_crossing
from plait.experiments.settings import AS_RUN, BEST, KEPT, SETTINGS, Setting
from plait.experiments.spec import OUTLINE, Outline
from plait.findings.claims import Claim
from plait.findings.evidence import Evidence, StoredRows


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Somebody's mean accuracy for one pattern; `interval` is a 95% interval where one was given."""

    pattern: str
    parameters: int
    accuracy: float
    source: str
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferenceRatio:
    """The smallest pure model whose mean reached `accuracy`, over the smallest hybrid, as reported.

    Widths are not interpolated; a parameter count is None where only the ratio was given.
    """

    pure: str
    accuracy: float
    ratio: float
    source: str
    pure_parameters: int | None = None
    hybrid_parameters: int | None = None


def nearest(
    references: Sequence[Reference], *, pattern: str, parameters: int, factor: float = 1.3
) -> Reference | None:
    """The reference of that pattern with the nearest parameter count, if within a factor of `factor`."""
    of_pattern = [reference for reference in references if reference.pattern == pattern]
    if not of_pattern:
        return None
    found = min(of_pattern, key=lambda reference: abs(math.log(reference.parameters / parameters)))
    return found if abs(math.log(found.parameters / parameters)) <= math.log(factor) else None


def ratio_between(
    references: Sequence[Reference], accuracy: float, *, pure: Sequence[str], hybrid: str
) -> float:
    """Pure over hybrid parameters for an accuracy, read as ours are: linear in log parameters between the points."""
    return min(_reaching(references, pattern, accuracy) for pattern in pure) / _reaching(
        references, hybrid, accuracy
    )


def _reaching(references: Sequence[Reference], pattern: str, accuracy: float) -> float:
    points = sorted((r.parameters, r.accuracy) for r in references if r.pattern == pattern)
    found = accuracy_crossing([size for size, _ in points], np.array([mean for _, mean in points]), accuracy)
    return found.low if found.low == found.high else math.inf


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
    """What is stored of the experiment in this reading, made once."""
    key = id(experiment), reading
    if key not in stored.read_before:
        stored.read_before[key] = experiment, _read(experiment, stored, reading)
    return stored.read_before[key][1]


def _read(experiment: Experiment, stored: StoredRows, reading: Reading) -> Evidence:
    each = reading.experiments(experiment)
    placed = [stored.placed(one) for one in each]
    places = sorted(set().union(*placed))
    cells = tuple(at_its_best([found[place] for found in placed if place in found]) for place in places)
    return Evidence(experiment=each[0], forms=each, cells=cells, stored=stored)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One question in one place.

    Args:
        says: what the paper, or whoever said something before, says of it, in our words, a sentence; may be empty.
        paper: accuracies that the paper gives, hollow marks in plots.
        rerun: those of an independent rerun, crosses in plots.
        ratios: pure over hybrid parameters that others give.
        claims: what is claimed, each with what decides it.
        readings: the settings that the claims are read in, the experiment's own unless given. What is asked for
            without a setting is trained in the first one.
        asked: the words after `plait reproduce` that ask for it, the name first, with every further pattern; its
            experiment's name where none are given.

    Raises:
        ValueError: two claims of the same words.
    """

    experiment: Experiment
    says: str = ""
    paper: tuple[Reference, ...] = ()
    rerun: tuple[Reference, ...] = ()
    ratios: tuple[ReferenceRatio, ...] = ()
    claims: tuple[Claim, ...] = ()
    readings: tuple[Reading, ...] = (AS_TRAINED,)
    asked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        statements = [claim.statement for claim in self.claims]
        if twice := [words for words in statements if statements.count(words) > 1]:
            raise ValueError(f"figure {self.name!r} claims the same twice: {twice[0]!r}")

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def has_paper(self) -> bool:
        """Whether it is held against somebody's numbers, and not against statements of one's own alone."""
        return bool(self.paper or self.ratios) or any(not claim.is_own for claim in self.claims)

    @property
    def default(self) -> Experiment:
        """The experiment as it is trained where no setting is asked for."""
        return self.readings[0].experiments(self.experiment)[0]

    def command(self, *options: str) -> str:
        """What asks for it on the command line, with these options, as a shell reads it."""
        name, *more = self.asked or (self.name,)
        return shlex.join(["plait", "reproduce", name, *options, *more])

    def setting_options(self, form: Experiment) -> tuple[str, ...]:
        """The option that asks for the setting of `form`; none for that which is trained unasked."""
        unasked = form.setting == self.default.setting or form.setting not in SETTINGS.values()
        return () if unasked else ("--setting", form.setting.name)

    def of(self, experiment: Experiment) -> "Figure":
        """The same of another form of the experiment, such as one with a further pattern."""
        return replace(self, experiment=experiment)


@dataclass(frozen=True, kw_only=True)
class StoredFigure:
    """A figure and what is stored of it, in each reading that was run, the figure's first one first."""

    figure: Figure
    readings: tuple[tuple[Reading, Evidence], ...]


def stored_figures(
    figures: Iterable[Figure], stored: StoredRows
) -> tuple[tuple[StoredFigure, ...], frozenset[str]]:
    """The figures that were run, in their order, and the members that they account for.

    Figures, and the readings of one, share members. One of which only members are stored that a fuller one has as well
    was not run; but one that is measured elsewhere was, if no reading of the same figure has all of its members.
    """
    figures = tuple(figures)
    trained = frozenset(stored.rows["member"])
    measured = frozenset() if stored.evaluations is None else frozenset(stored.evaluations["member"])
    outlines = frozenset(stored.rows.select(OUTLINE).unique().iter_rows())
    found: dict[tuple[str, str], frozenset[str]] = {}
    shares: dict[tuple[str, str], float] = {}
    for figure in figures:
        there = trained & measured if figure.experiment.evaluations else trained
        for reading in figure.readings:
            if not _outlines(figure, reading) & outlines:
                continue  # all members of all figures are many times what most folders hold
            members = _members(figure, reading)
            if members & there:
                found[figure.name, reading.name] = members & there
                shares[figure.name, reading.name] = len(members & there) / len(members)
    order = sorted(found, key=lambda key: -shares[key])
    accounted: frozenset[str] = frozenset()
    run: dict[tuple[str, str], Evidence] = {}
    by_name = {figure.name: figure for figure in figures}
    for name, reading_name in order:
        figure, own = by_name[name], found[name, reading_name]
        beside = frozenset(chain.from_iterable(found[key] for key in run if key[0] == name))
        if not own - accounted and not (figure.experiment.evaluations and own - beside):
            continue
        reading = next(reading for reading in figure.readings if reading.name == reading_name)
        evidence = read(figure.experiment, stored, reading)
        if evidence.cells:
            run[name, reading_name] = evidence
            accounted |= own
    shown = (
        StoredFigure(
            figure=figure,
            readings=tuple(
                (r, run[figure.name, r.name]) for r in figure.readings if (figure.name, r.name) in run
            ),
        )
        for figure in figures
    )
    return tuple(one for one in shown if one.readings), accounted


def _outlines(figure: Figure, reading: Reading) -> frozenset[Outline]:
    return frozenset(chain.from_iterable(form.outlines for form in reading.experiments(figure.experiment)))


def _members(figure: Figure, reading: Reading) -> frozenset[str]:
    forms = reading.experiments(figure.experiment)
    return frozenset(chain.from_iterable(chain.from_iterable(form.members() for form in forms)))
