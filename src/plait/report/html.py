"""A report as one HTML file that needs no network: styles, tables and SVG figures inside."""

import os
from pathlib import Path

from plait.experiments import StoreError
from plait.files import write_whole
from plait.report.document import Picture, Report, Table

_TEMPLATE = "report.html"


def html_text(report: Report) -> str:
    """The whole page. All text is escaped; only the figures' own SVG goes in as it is."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("plait.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["table"] = _is_table
    environment.tests["figure"] = _is_figure
    return environment.get_template(_TEMPLATE).render(report=report)


def _is_table(block: object) -> bool:
    return isinstance(block, Table)


def _is_figure(block: object) -> bool:
    return isinstance(block, Picture)


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
