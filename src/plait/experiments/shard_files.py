"""One file of a store: rows to bytes and back, with a checksum, and checked for what its numbers must satisfy.

From version 4 on a file carries the checksum of all its bytes. In older ones what can be checked is: accuracies are
ratios of counts, and identities the hashes of what stands beside them.

Loss curves are thinned for keeping: fewer points, fewer digits. Of several files each row counts once.
"""

import contextlib
import hashlib
import io
import itertools
import math
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import polars as pl

from plait.checks import are, counted
from plait.experiments.folder import StoreError
from plait.experiments.parquet_pages import check_pages
from plait.experiments.row_identity import wrong_identities
from plait.experiments.schema import COLUMNS, OLDEST_VERSION, SCHEMA_VERSION, SINCE
from plait.files import UNSEALED, broken, read_bounded, sealed_bytes

Columns = dict[str, pl.DataType]
TableNames = tuple[str, ...]

SEALED_SINCE = 4
"""The version of a file from which on it carries a checksum."""

_MOST_BYTES = 2**30
"""Of one file; it is read whole."""

MOST_UNPACKED = 2**31
"""Bytes of all pages of a file."""

_NUMBERS = ("accuracy", "correct", "scored", "select_correct", "select_scored", "diverged_at")
"""What a member, or an evaluation, can have but once."""

_RATIOS = (("accuracy", "correct", "scored"), ("select_accuracy", "select_correct", "select_scored"))
_ADVICE = "move it away, and the next run trains its members again"
_sound: set[bytes] = set()
"""Digests of the unsealed files whose rows were checked by this process."""


def shard_bytes(rows: pl.DataFrame) -> bytes:
    """The rows as the bytes of a Parquet file with its checksum in its metadata."""
    content = io.BytesIO()
    rows.write_parquet(content, compression="zstd", compression_level=12, metadata={"plait": UNSEALED})
    return sealed_bytes(content.getvalue())


def read_shard(path: Path, columns: Columns = COLUMNS, *, only: TableNames | None = None) -> pl.DataFrame:
    """One file's rows, after its checksum, version, columns and numbers were checked.

    Args:
        columns: those of its table.
        only: the columns to read; None for all.

    Raises:
        StoreError: a damaged file, another version, or columns that are not the table's.
        FileNotFoundError: it is gone.
    """
    try:
        data = read_bounded(path, most=_MOST_BYTES)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from None
    wrong_seal = broken(data)
    if wrong_seal:
        raise _damaged(path, "its checksum is not that of its bytes")
    try:
        check_pages(data, most=MOST_UNPACKED)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    with _said_in_one_line(path):
        found = pl.read_parquet_schema(io.BytesIO(data))
        if "schema_version" not in found:
            raise StoreError(f"{str(path)!r} is a Parquet file but not a shard of plait's: {_ADVICE}")
        frame = pl.read_parquet(
            io.BytesIO(data), columns=None if wrong_seal is None or only is None else [*only]
        )
        versions = (
            frame
            if "schema_version" in frame
            else pl.read_parquet(io.BytesIO(data), columns=["schema_version"])
        )
    written = versions["schema_version"].unique().to_list() or [SCHEMA_VERSION]
    _check_version(path, written, dict(found), columns)
    if wrong_seal is None:
        if written[0] >= SEALED_SINCE:
            raise _damaged(path, "it has lost its checksum")
        _check_rows(path, data, frame)
    if only is not None:
        return frame.select(only)
    later = [pl.lit(None, dtype=kind).alias(name) for name, kind in columns.items() if name not in found]
    version = pl.lit(SCHEMA_VERSION, dtype=pl.Int64()).alias("schema_version")
    return frame.with_columns(version, *later).select(list(columns))


def _check_version(path: Path, written: list[int | None], found: Columns, columns: Columns) -> None:
    strange = [v for v in written if v is None or not OLDEST_VERSION <= v <= SCHEMA_VERSION]
    if strange:
        raise StoreError(_other_version(path, strange[0]))
    version = written[0]
    assert version is not None
    wanted = {name: kind for name, kind in columns.items() if SINCE.get(name, OLDEST_VERSION) <= version}
    if len(written) > 1 or found != wanted:
        raise StoreError(f"{str(path)!r} has not the columns of version {version}: {_ADVICE}")


def _have(rows: int) -> str:
    return f"{rows:,} of its rows {'has' if rows == 1 else 'have'}"


def _check_rows(path: Path, data: bytes, frame: pl.DataFrame) -> None:
    """Of a file without a checksum."""
    digest = hashlib.sha256(data).digest()
    if digest in _sound:
        return
    for ratio, right, of in _RATIOS:
        if ratio in frame:
            expected = pl.when(pl.col(of) > 0).then(pl.col(right) / pl.col(of)).otherwise(0.0)
            if wrong := frame.filter(~pl.col(ratio).eq_missing(expected)).height:
                raise _damaged(path, f"{_have(wrong)} a {ratio} that is not {right} / {of}")
    if wrong := wrong_identities(frame):
        raise _damaged(path, f"{_have(wrong)} an identity that is not the hash of what they hold")
    _sound.add(digest)


def _damaged(path: Path, reason: str) -> StoreError:
    return StoreError(f"{str(path)!r} is damaged ({reason}): {_ADVICE}")


@contextlib.contextmanager
def _said_in_one_line(path: Path) -> Generator[None, None, None]:
    """A parser's errors as one; what it writes itself to standard error when it panics goes nowhere."""
    try:
        with _quiet_standard_error():
            yield
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        OSError,
        OverflowError,
        MemoryError,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _damaged(path, reason[:200]) from None


@contextlib.contextmanager
def _quiet_standard_error() -> Generator[None, None, None]:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _other_version(path: Path, version: object) -> str:
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    advice = (
        "update plait to read it" if newer else "read it with the plait that wrote it, or use another folder"
    )
    readable = f"this plait reads {OLDEST_VERSION} to {SCHEMA_VERSION}"
    return f"{str(path)!r} is of schema version {version}, {readable}: {advice}"


POINTS = 20
"""Points of a kept curve, at most."""

DIGITS = 4
"""Significant ones of a kept loss."""


def thinned(rows: pl.DataFrame, *, points: int = POINTS) -> pl.DataFrame:
    """The rows with curves of at most `points` points, each the mean loss since the point before.

    Nothing else changes. Raises:
        ValueError: fewer than one point.
    """
    if points < 1:
        raise ValueError(f"a curve needs at least one point, got {points}")
    curves = [
        _thin(steps, losses, points) for steps, losses in rows.select("loss_steps", "losses").iter_rows()
    ]
    return rows.with_columns(
        pl.Series("loss_steps", [steps for steps, _ in curves], dtype=pl.List(pl.Int64())),
        pl.Series("losses", [losses for _, losses in curves], dtype=pl.List(pl.Float64())),
    )


def _thin(
    steps: Sequence[int] | None, losses: Sequence[float] | None, points: int
) -> tuple[list[int] | None, list[float] | None]:
    if steps is None or losses is None:
        return None, None
    n_groups = min(points, len(steps))
    edges = [round(i * len(steps) / n_groups) for i in range(n_groups + 1)] if n_groups else [0]
    weights = [b - a for a, b in itertools.pairwise((0, *steps))]
    kept = []
    for first, last in itertools.pairwise(edges):
        total = math.fsum(
            loss * weight for loss, weight in zip(losses[first:last], weights[first:last], strict=True)
        )
        kept.append(float(f"{total / sum(weights[first:last]):.{DIGITS}g}"))
    return [steps[last - 1] for last in edges[1:]], kept


def each_once(frames: list[pl.DataFrame], columns: Columns, names: TableNames) -> pl.DataFrame:
    """Rows that are stored twice, as after a packing that was stopped, count once: the one with more of its curve.

    Raises:
        StoreError: one that is stored with two numbers.
    """
    if not frames:
        return pl.DataFrame(schema=columns)
    rows = pl.concat(frames)
    numbers = [name for name in _NUMBERS if name in columns]
    twice = rows.filter(pl.struct(names).is_duplicated()) if len(frames) > 1 else rows.clear()
    differing = twice.group_by(names).agg(pl.struct(numbers).n_unique().alias("n")).filter(pl.col("n") > 1)
    if len(differing):
        raise StoreError(_two_numbers(twice.join(differing, on=names), names[0]))
    if "losses" in columns:
        rows = rows.sort(pl.col("losses").list.len(), descending=True, nulls_last=True, maintain_order=True)
    return rows.unique(names, keep="first", maintain_order=True).sort(names)


def _two_numbers(rows: pl.DataFrame, name: str) -> str:
    """The first of the members that are stored with two numbers, and where each came from."""
    member, n_members = rows[name].min(), rows[name].n_unique()
    each = rows.filter(pl.col(name) == member).unique("accuracy").sort("accuracy")
    said = " and ".join(
        f"{row['accuracy']:.6f} ({row['engine'] or 'an older plait'}, {row['device']})"
        for row in each.iter_rows(named=True)
    )
    return (
        f"{counted(n_members, 'member')} {are(n_members)} stored with two numbers, {member} with accuracies "
        f"{said}: move one of the files away"
    )
