"""A folder of results: Parquet files, each written whole when a shard is finished, one row a trained member.

    runs/length/
      3f0c….parquet               a finished shard (see schema.py)
      _evaluations/3f0c….parquet  its members measured elsewhere (see schema.py), there before the shard is
      _checkpoints/9ab2…          a shard in the middle of its training
      .members.lock               who is training what (see folder.py)

A file appears under its name only when it is complete and on the disk, so a process that is killed at any
instant leaves either the whole shard or none of it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from plait.experiments.folder import CHECKPOINTS, EVALUATIONS, StoreError, both_places, claim, in_use, writing
from plait.experiments.schema import COLUMNS, EVALUATION_COLUMNS
from plait.experiments.shard_files import Columns, TableNames, each_once, read_shard, shard_bytes, thinned
from plait.experiments.shards import Shard
from plait.files import sweep_parts, write_whole
from plait.training.identity import shard_id

LOCK = ".members.lock"

_EVALUATION = ("member", "evaluation")
"""What tells evaluations apart."""

_LISTINGS = 20
"""Times that files are listed anew because one of them vanished meanwhile."""

_Version = tuple[Path, int, int]
"""A file as it was read: its bytes and the time of its last change."""


class Store:
    """Read and write one folder of results.

    Reading never changes the folder. `for_writing` makes it and finds out at once whether it can be written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._known: dict[_Version, frozenset[tuple[str, ...]]] = {}
        self._together: dict[TableNames, tuple[list[_Version], frozenset[Any]]] = {}

    @classmethod
    def for_writing(cls, folder: str | os.PathLike[str]) -> "Store":
        """Raises:
        StoreError: the folder cannot be made or written.
        """
        store = cls(folder)
        with writing(store.folder):
            (store.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            for part in (
                store.folder,
                *both_places(store.folder, CHECKPOINTS),
                *both_places(store.folder, EVALUATIONS),
            ):
                sweep_parts(part)
            for probe in store.folder.glob(".probe.*"):  # of a version that left them when it was killed
                probe.unlink(missing_ok=True)
            tempfile.TemporaryFile(dir=store.folder).close()
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
        return [path for place in both_places(self.folder, EVALUATIONS) for path in _parquet_files(place)]

    def read(self) -> pl.DataFrame:
        """Every stored member once, sorted by identity.

        Raises:
            StoreError: a file that is damaged, foreign, or of another version.
        """
        return _read(self.files, COLUMNS, ("member",))

    def rows_of(self, members: Collection[str]) -> pl.DataFrame:
        """The rows of these that are stored, sorted; of other files the names of their members alone are read.

        Raises:
            StoreError: as `read`, but for other members that are stored with two numbers.
        """
        wanted = {(member,) for member in members}

        def holding() -> list[Path]:
            versions = map(_version, self.files())
            return [
                version[0]
                for version in versions
                if not wanted.isdisjoint(self._keys_of(version, COLUMNS, ("member",)))
            ]

        return _read(holding, COLUMNS, ("member",)).filter(pl.col("member").is_in(list(members)))

    def read_evaluations(self) -> pl.DataFrame:
        """Every stored evaluation of a member once, sorted.

        Raises:
            StoreError: a file that is damaged, foreign, or of another version.
        """
        return _read(self.evaluation_files, EVALUATION_COLUMNS, _EVALUATION)

    def stored(self) -> frozenset[str]:
        """The identities of the stored members. While no file changes, the same set is given again."""
        return self._keys(self.files, COLUMNS, ("member",))

    def evaluated(self) -> frozenset[tuple[str, ...]]:
        """The stored pairs of a member's and an evaluation's identity."""
        return self._keys(self.evaluation_files, EVALUATION_COLUMNS, _EVALUATION)

    def _keys(
        self, list_files: Callable[[], list[Path]], columns: Columns, names: TableNames
    ) -> frozenset[Any]:
        """Of one column its values, of several the rows."""
        for _ in range(_LISTINGS):
            try:
                versions = [_version(path) for path in list_files()]
                if names not in self._together or self._together[names][0] != versions:
                    rows = chain.from_iterable(self._keys_of(one, columns, names) for one in versions)
                    self._together[names] = (
                        versions,
                        frozenset(rows if names[1:] else (row[0] for row in rows)),
                    )
                return self._together[names][1]
            except FileNotFoundError:  # packed away meanwhile
                continue
        raise StoreError(f"the files of {str(self.folder)!r} come and go too fast to be read: try again")

    def _keys_of(self, version: _Version, columns: Columns, names: TableNames) -> frozenset[tuple[str, ...]]:
        if version not in self._known:
            self._known[version] = frozenset(read_shard(version[0], columns, only=names).iter_rows())
        return self._known[version]

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

        Loss curves are thinned (see shard_files.py); every other number stays. Stopped at any instant, everything
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

        Loss curves are thinned (see shard_files.py); every other number stays. What either folder holds is not touched.

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
        data = shard_bytes(rows)
        with writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        return path

    def checkpoint(self, shard: Shard) -> Path:
        """Where a shard keeps its state while it is being trained."""
        return in_use(self.folder, CHECKPOINTS, shard.id)

    def sweep(self, shard: Shard) -> None:
        """Remove what a finished shard leaves: its checkpoint, and parts of files from before a kill.

        For the one who holds the shard's claim.
        """
        leftovers = [
            *self.folder.glob(f".{shard.id}.*"),
            *(
                path
                for place in both_places(self.folder, EVALUATIONS)
                for path in place.glob(f".{shard.id}-*")
            ),
            *(
                path
                for place in both_places(self.folder, CHECKPOINTS)
                for path in place.glob(f"*{shard.id}*")
            ),
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


def _version(path: Path) -> _Version:
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))


def _read(list_files: Callable[[], list[Path]], columns: Columns, names: TableNames) -> pl.DataFrame:
    """The rows of all files; those of which one was packed away meanwhile are listed again."""
    for _ in range(_LISTINGS):
        try:
            frames = [read_shard(path, columns) for path in list_files()]
        except FileNotFoundError:
            continue
        return each_once(frames, columns, names)
    raise StoreError("the files of this folder come and go too fast to be read: try again")
