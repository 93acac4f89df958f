"""A folder of results: Parquet files, each written whole when a shard is finished, one row a trained member.

    runs/length/
      3f0c….parquet               a finished shard (see schema.py)
      evaluations/3f0c….parquet   its members measured elsewhere (see evaluations.py), there before the shard is
      checkpoints/9ab2…           a shard in the middle of its training
      .members.lock               who is training what (see claims.py)

A file appears under its name only when it is complete and on the disk, so a process that is killed at any
instant leaves either the whole shard or none of it.
"""

import io
import os
import shutil
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl

from plait.experiments.claims import claim
from plait.experiments.errors import StoreError, writing
from plait.experiments.evaluations import EVALUATION_COLUMNS
from plait.experiments.packing import thinned
from plait.experiments.schema import COLUMNS, OLDEST_VERSION, SCHEMA_VERSION, SINCE
from plait.experiments.shards import Shard
from plait.files import write_whole
from plait.training.identity import shard_id

LOCK = ".members.lock"
CHECKPOINTS = "checkpoints"
EVALUATIONS = "evaluations"

_EVALUATION = ("member", "evaluation")
"""What tells evaluations apart."""

Columns = dict[str, pl.DataType]
Names = tuple[str, ...]


class Store:
    """Read and write one folder of results.

    Reading never changes the folder. `for_writing` makes it and finds out at once whether it can be written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._known: dict[tuple[Path, int, int], frozenset[tuple[str, ...]]] = {}

    @classmethod
    def for_writing(cls, folder: str | os.PathLike[str]) -> "Store":
        """Raises:
        StoreError: the folder cannot be made or written.
        """
        store = cls(folder)
        with writing(store.folder):
            (store.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            probe = store.folder / f".probe.{os.getpid()}"
            probe.touch()
            probe.unlink()
        return store

    @classmethod
    def for_reading(cls, folder: str | os.PathLike[str]) -> "Store":
        """Raises:
        StoreError: the folder is not there, or holds no results.
        """
        store = cls(folder)
        if not store.folder.is_dir():
            raise StoreError(f"no results folder {str(store.folder)!r}")
        if not store.files():
            raise StoreError(f"{str(store.folder)!r} holds no results: no finished shard (*.parquet) in it")
        return store

    def files(self) -> list[Path]:
        return _parquet_files(self.folder)

    def evaluation_files(self) -> list[Path]:
        return _parquet_files(self.folder / EVALUATIONS)

    def read(self) -> pl.DataFrame:
        """Every stored member once, sorted by identity.

        Raises:
            StoreError: a file that is damaged, foreign, or of another version.
        """
        return _read(self.files(), COLUMNS, ("member",))

    def read_evaluations(self) -> pl.DataFrame:
        """Every stored evaluation of a member once, sorted.

        Raises:
            StoreError: a file that is damaged, foreign, or of another version.
        """
        return _read(self.evaluation_files(), EVALUATION_COLUMNS, _EVALUATION)

    def stored(self) -> frozenset[str]:
        """The identities of the stored members. A file that has not changed is not read again."""
        return frozenset(member for (member,) in self._keys(self.files(), COLUMNS, ("member",)))

    def evaluated(self) -> frozenset[tuple[str, ...]]:
        """The stored pairs of a member's and an evaluation's identity."""
        return self._keys(self.evaluation_files(), EVALUATION_COLUMNS, _EVALUATION)

    def _keys(self, files: list[Path], columns: Columns, names: Names) -> frozenset[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        for path in files:
            status = path.stat()
            version = (path, status.st_size, status.st_mtime_ns)
            if version not in self._known:
                self._known[version] = frozenset(read_shard(path, columns, only=names).iter_rows())
            found |= self._known[version]
        return frozenset(found)

    def add(self, rows: pl.DataFrame) -> Path:
        """Store a finished shard: whole and on the disk when this returns, otherwise not there at all.

        The file has the name of the shard that these members make.

        Raises:
            StoreError: the disk is full or the folder cannot be written; what was stored stays.
        """
        return self._write(self.folder / f"{shard_id(rows['member'])}.parquet", rows)

    def add_evaluations(self, rows: pl.DataFrame) -> Path:
        """Store the evaluations of a shard, likewise.

        Raises:
            StoreError: as `add`.
        """
        name = f"{shard_id(rows['member'].unique())}-{shard_id(rows['evaluation'].unique())}"
        return self._write(self.folder / EVALUATIONS / f"{name}.parquet", rows)

    def pack(self) -> None:
        """Put what is stored into one file for members and one for evaluations, in place of the many.

        Loss curves are thinned (see packing.py); every other number stays. Stopped at any instant, everything
        is still there, some of it perhaps twice, which readers count once. For a folder that nobody is writing to.

        Raises:
            StoreError: a damaged shard, or a folder that cannot be written.
        """
        files, rows = self.files(), thinned(self.read())
        more_files, more_rows = self.evaluation_files(), self.read_evaluations()
        kept: list[Path] = []
        if len(more_rows):
            kept.append(self.add_evaluations(more_rows))
        if len(rows):
            kept.append(self.add(rows))
        with writing(self.folder):
            for path in {*files, *more_files} - {*kept}:
                path.unlink(missing_ok=True)

    def pack_into(self, other: "Store") -> int:
        """Add to `other`, as one file more, the members and evaluations that it has not yet; how many members.

        Loss curves are thinned (see packing.py); every other number stays. What either folder holds is not touched.

        Raises:
            StoreError: a damaged shard in either, or a folder that cannot be written.
        """
        rows, evaluations = self.read(), self.read_evaluations()
        rows = rows.filter(~pl.col("member").is_in(list(other.stored())))
        known = pl.DataFrame(
            sorted(other.evaluated()),
            schema={name: EVALUATION_COLUMNS[name] for name in _EVALUATION},
            orient="row",
        )
        evaluations = evaluations.join(known, on=_EVALUATION, how="anti")
        if len(evaluations):
            other.add_evaluations(evaluations)
        if len(rows):
            other.add(thinned(rows))
        return len(rows)

    def _write(self, path: Path, rows: pl.DataFrame) -> Path:
        content = io.BytesIO()
        rows.write_parquet(content, compression="zstd", compression_level=12)
        with writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content.getvalue())
        return path

    def checkpoint(self, shard: Shard) -> Path:
        """Where a shard keeps its state while it is being trained."""
        return self.folder / CHECKPOINTS / shard.id

    def sweep(self, shard: Shard) -> None:
        """Remove what a finished shard leaves: its checkpoint, and parts of files from before a kill.

        For the one who holds the shard's claim.
        """
        leftovers = [
            *self.folder.glob(f".{shard.id}.*"),
            *(self.folder / EVALUATIONS).glob(f".{shard.id}-*"),
            *(self.folder / CHECKPOINTS).glob(f"*{shard.id}*"),
        ]
        with writing(self.folder):
            for path in leftovers:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def claim(self, members: Collection[str]) -> AbstractContextManager[bool]:
        """True while no other process trains one of `members`."""
        return claim(self.folder / LOCK, members)


def read_shard(path: Path, columns: Columns = COLUMNS, *, only: Names | None = None) -> pl.DataFrame:
    """One file's rows, after its version and columns were checked.

    Args:
        columns: those of its table.
        only: the columns to read; None for all.

    Raises:
        StoreError: a damaged file, another version, or columns that are not the table's.
    """
    advice = "move it away, and the next run trains its members again"
    try:
        found = pl.read_parquet_schema(path)
        versions = pl.read_parquet(path, columns=["schema_version"]) if "schema_version" in found else None
        if versions is None:
            raise StoreError(f"{str(path)!r} is a Parquet file but not a shard of plait's: {advice}")
        written = versions["schema_version"].unique().to_list() or [SCHEMA_VERSION]
        strange = [v for v in written if v is None or not OLDEST_VERSION <= v <= SCHEMA_VERSION]
        if strange:
            raise StoreError(_other_version(path, strange[0]))
        if len(written) > 1 or dict(found) != _columns_of(columns, written[0]):
            raise StoreError(f"{str(path)!r} has not the columns of version {written[0]}: {advice}")
        if only is not None:
            return pl.read_parquet(path, columns=list(only))
        later = [pl.lit(None, dtype=kind).alias(name) for name, kind in columns.items() if name not in found]
        version = pl.lit(SCHEMA_VERSION, dtype=pl.Int64()).alias("schema_version")
        return pl.read_parquet(path).with_columns(version, *later).select(list(columns))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).strip().splitlines()[0]
        raise StoreError(f"{str(path)!r} is damaged ({reason}): {advice}") from None
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {error.strerror or error}") from None


def _columns_of(columns: Columns, version: int) -> Columns:
    """Those of the columns that a file of this version has."""
    return {name: kind for name, kind in columns.items() if SINCE.get(name, OLDEST_VERSION) <= version}


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def _read(files: list[Path], columns: Columns, names: Names) -> pl.DataFrame:
    frames = [read_shard(path, columns) for path in files]
    if not frames:
        return pl.DataFrame(schema=columns)
    return pl.concat(frames).unique(names, keep="first", maintain_order=True).sort(names)


def _other_version(path: Path, version: object) -> str:
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    advice = (
        "update plait to read it" if newer else "read it with the plait that wrote it, or use another folder"
    )
    readable = f"this plait reads {OLDEST_VERSION} to {SCHEMA_VERSION}"
    return f"{str(path)!r} is of schema version {version}, {readable}: {advice}"
