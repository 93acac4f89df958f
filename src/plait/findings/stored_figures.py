"""Which figures a folder of results holds, and in which readings."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from plait.experiments.spec import OUTLINE, Outline
from plait.findings.evidence import Evidence, StoredRows
from plait.findings.figure import Figure
from plait.findings.readings import Reading, read


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
