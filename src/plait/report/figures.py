"""The figures of a report as files of their own."""

import os
from pathlib import Path

from plait.experiments import StoreError
from plait.files import write_whole
from plait.report.document import Picture, Report


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
