"""What a page says first, written from rows: the answers to the questions of some figures."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from plait.checks.values import unknown
from plait.findings.evidence import Evidence
from plait.report.document import Block
from plait.report.folder_results import FolderResults
from plait.report.length_answer import length_answer
from plait.report.mixers_answer import mixers_answer
from plait.report.proportion_answer import proportion_answer

ANSWERS: Mapping[str, tuple[Callable[..., tuple[Block, ...]], tuple[str, ...]]] = MappingProxyType(
    {
        "fig8": (length_answer, ("fig8", "tab1")),
        "tab1": (proportion_answer, ("tab1",)),
        "mixers": (mixers_answer, ("mixers",)),
    }
)
"""By figure: what writes its answer, and the figures whose rows it reads."""


def answer_blocks(name: str, results: FolderResults) -> tuple[Block, ...]:
    """Nothing where nothing of the figure is stored.

    Raises:
        ValueError: a figure without an answer.
    """
    if name not in ANSWERS:
        raise ValueError(unknown("answer", name, ANSWERS))
    write, figures = ANSWERS[name]
    if not results.figures[name].readings:
        return ()
    return write(*(_evidence(results, figure) for figure in figures))


def _evidence(results: FolderResults, name: str) -> Evidence:
    readings = results.figures[name].readings
    return readings[0][1] if readings else results.of(name)[1]
