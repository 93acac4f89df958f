"""The tables that a page of results can hold, by kind."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from plait.findings.evidence import Evidence
from plait.findings.figure import Figure
from plait.report.comparisons import matrix_table, paired_table, rates_table, seed_table, statistic_table
from plait.report.document import Table
from plait.report.paper_tables import apart_table, beside_table
from plait.report.questions import leaner_table, rate_table, window_table
from plait.report.tables import ratio_table, results_table


def _results(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    summaries = [found.summary(cell) for cell in found.cells]
    patterns = {cell.pattern for cell in found.cells}
    references = [
        [reference for reference in source if reference.pattern in patterns]
        for source in (figure.paper, figure.rerun)
    ]
    return results_table(summaries, paper=references[0], rerun=references[1])


def _ratio(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    views = [number for number, view in enumerate(found.experiment.views) if view.ratio]
    if not views:
        raise ValueError(f"experiment {found.experiment.name!r} has no view with a ratio")
    shown, place = found.panels(views[0]), number_of(arguments)
    if place >= len(shown):
        return None
    return ratio_table(shown[place].cells, reported=figure.ratios, title=shown[place].title)


def _paired(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return paired_table(found.cells)


def _grid(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    shown, place = found.panels(number_of(arguments)), number_of(arguments[1:])
    return matrix_table(shown[place]) if place < len(shown) else None


def _rates(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return rate_table(found.cells, accuracy=float(arguments[0]) if arguments else 0.6)


def _statistics(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    pattern, *numbers = arguments or ("",)
    accuracy, *rates = map(float, numbers or ("0.6",))
    return statistic_table(found.cells, pure=pattern, accuracy=accuracy, rates=rates)


def _seeds(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return seed_table([found.summary(cell) for cell in found.cells], patterns=arguments)


def _by_rate(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    return rates_table(found.cells, pattern=arguments[0] if arguments else "")


def _windows(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return window_table(found.cells)


def _leaner(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return leaner_table(found.cells)


def _beside(figure: Figure, found: Evidence, _: Sequence[str]) -> Table | None:
    return beside_table(figure.paper, found)


def _apart(figure: Figure, found: Evidence, arguments: Sequence[str]) -> Table | None:
    accuracy, *patterns = arguments or ("0.9",)
    return apart_table(found, float(accuracy), pure=patterns)


_Maker = Callable[[Figure, Evidence, Sequence[str]], Table | None]

TABLES: Mapping[str, _Maker] = MappingProxyType(
    {
        "results": _results,
        "all": _results,
        "ratio": _ratio,
        "paired": _paired,
        "grid": _grid,
        "rates": _rates,
        "windows": _windows,
        "leaner": _leaner,
        "statistics": _statistics,
        "seeds": _seeds,
        "by-rate": _by_rate,
        "beside": _beside,
        "apart": _apart,
    }
)
"""Kinds of tables: `results` has the brief columns and `all` every column; `ratio P` belongs to panel P, `grid V P` is
panel P of view V as means, `rates A` belongs to an accuracy, `statistics PATTERN A LR..` to one pure pattern at an
accuracy and held to each of these rates, `seeds PATTERN..` and `by-rate PATTERN` to patterns, `windows` and `leaner` to
the experiments that vary windows, and states and initial weights; `beside` has every accuracy of the paper's and ours,
`apart A PATTERN..` takes the ratio of these pure patterns at an accuracy apart. Numbers begin at 0."""

OPEN_TABLES = ("ratio", "grid", "rates", "statistics", "by-rate")
"""Kinds whose columns are those patterns, rates or values that are stored."""


def number_of(words: Sequence[str]) -> int:
    """The first word as a number, 0 where there is none.

    Raises:
        ValueError: it is none.
    """
    if not words:
        return 0
    if not words[0].isdigit():
        raise ValueError(f"a number is needed, got {words[0]!r}")
    return int(words[0])
