"""Where a folder of results has what is no finished shard: in folders whose names begin with `_`.

Readers of a folder as one data set (pandas, pyarrow, Spark) pass over such names. Older versions wrote the same names
without the `_`; what is there stays there and is read.
"""

from pathlib import Path

CHECKPOINTS = "_checkpoints"
EVALUATIONS = "_evaluations"
MODELS = "_models"
LOG = "_log"


def both_places(folder: Path, part: str) -> tuple[Path, Path]:
    """Where that part of the folder is written, and where older versions wrote it."""
    return folder / part, folder / part.removeprefix("_")


def in_use(folder: Path, part: str, name: str) -> Path:
    """Where `name` of that part is, or would be."""
    now, before = (place / name for place in both_places(folder, part))
    return before if before.exists() and not now.exists() else now
