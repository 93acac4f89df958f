"""A report as one HTML file that needs no network: styles, tables and SVG figures inside."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from plait.experiments import StoreError
from plait.files import write_whole
from plait.report.document import Block, ClaimVerdict, Lines, Picture, Report, Section, Table, Verdicts

_TEMPLATE = "report.html"

WIDE_POINTS = 560
"""Width of a picture from which on it is a diagram, not a plot."""


def html_text(report: Report) -> str:
    """The whole page. All text is escaped; only the pictures' own SVG goes in as it is."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plait.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name, kind in (("table", Table), ("picture", Picture), ("verdicts", Verdicts)):
        environment.tests[name] = _is(kind)
    environment.tests["wide"] = _is_wide
    environment.filters["answer"] = _answer
    environment.filters["by_claim"] = _by_claim
    return environment.get_template(_TEMPLATE).render(report=report)


def _is(kind: type) -> Callable[[object], bool]:
    return lambda block: isinstance(block, kind)


def _is_wide(svg: str) -> bool:
    """Whether a picture is a diagram that needs the page's whole width to be read."""
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    return found is not None and float(found[1]) > WIDE_POINTS


def _answer(section: Section) -> tuple[Block, ...]:
    """What stands beside one another at the top of a section: words and verdicts, and the plot that comes after."""
    for place, block in enumerate(section.blocks):
        if isinstance(block, Picture):
            return section.blocks[: place + 1] if place else ()
        if not isinstance(block, Verdicts | Lines):
            break
    return ()


def _by_claim(verdicts: Sequence[ClaimVerdict]) -> dict[str, list[ClaimVerdict]]:
    claims: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        claims.setdefault(verdict.claim, []).append(verdict)
    return claims


def write_html(report: Report, path: str | os.PathLike[str]) -> Path:
    """The page as a file, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    target = Path(path)
    page = html_text(report).encode()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, page)
    except OSError as error:
        raise StoreError(f"cannot write the report {str(target)!r}: {error.strerror or error}") from error
    return target


def write_figures(report: Report, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """`figure-1.svg`, `figure-2.svg`, .. in the report's order; the folder is made if there is a figure.

    Raises:
        StoreError: they cannot be written.
    """
    target = Path(folder)
    figures = [block for section in report.sections for block in section.blocks if isinstance(block, Picture)]
    paths = tuple(target / f"figure-{number}.svg" for number in range(1, len(figures) + 1))
    try:
        if figures:
            target.mkdir(parents=True, exist_ok=True)
        for path, figure in zip(paths, figures, strict=True):
            write_whole(path, f"{figure.svg().strip()}\n".encode())
    except OSError as error:
        raise StoreError(f"cannot write figures to {str(target)!r}: {error.strerror or error}") from error
    return paths
