"""A figure as a value: an experiment, what others measured of it, and the claims that its rows decide.

    FIG = Figure(
        experiment=Experiment(name="mine", ..),
        claims=(Claim(statement="MINE is above TF-TF", judge=ahead({PATTERN: "MINE"}, ({PATTERN: "TF-TF"},))),),
    )

Such a value in any module is reproduced as `plait reproduce module:FIG`.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from plait.experiments import Experiment
from plait.experiments.settings import SETTINGS
from plait.experiments.spec import OUTLINE, Outline
from plait.findings.claims import Claim
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.readings import AS_TRAINED, Reading, read
from plait.findings.reported import Reference, ReferenceRatio


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One question in one place.

    Args:
        says: what the paper says of it, in our words, a sentence; empty where it says nothing.
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
