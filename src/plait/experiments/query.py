"""Questions to a folder of results: filters, aggregates and SQL over its members.

SQL is polars' own, over the one table `members`; nothing else can be read, written or fetched from there.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from plait.checks.names import unknown
from plait.experiments.errors import StoreError
from plait.experiments.schema import COLUMNS
from plait.experiments.store import Store

TABLE = "members"


def query(folder: str | os.PathLike[str], sql: str) -> pl.DataFrame:
    """The answer to one SELECT statement over the table `members` (schema.py says what its columns mean).

    Raises:
        StoreError: no such folder, a damaged shard, or a statement that is not one SELECT over `members`.
    """
    words = sql.split(maxsplit=1)
    if not words or words[0].upper() not in ("SELECT", "WITH"):
        raise StoreError(f"a query starts with SELECT or WITH, got {sql.strip()[:40]!r}")
    if "read_" in sql.lower():
        raise StoreError(f"a query reads the table {TABLE} alone, not files")
    frame = Store.for_reading(folder).read()
    try:
        return pl.SQLContext({TABLE: frame}).execute(sql, eager=True)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(f"the query failed: {reason}; the table is {TABLE}: {', '.join(COLUMNS)}") from None


def filtered(frame: pl.DataFrame, conditions: Mapping[str, Any]) -> pl.DataFrame:
    """The rows whose columns equal the given values (None: the column is empty).

    Raises:
        StoreError: an unknown column (the nearest is named), or a value of another type.
    """
    for name, value in conditions.items():
        if name not in frame.columns:
            raise StoreError(unknown("column", name, frame.columns))
        column = pl.col(name)
        try:
            frame = frame.filter(column.is_null() if value is None else column == value)
        except pl.exceptions.PolarsError:
            raise StoreError(f"column {name} holds {frame.schema[name]}, got {value!r}") from None
    return frame


def aggregated(frame: pl.DataFrame, by: Sequence[str] = ("task", "pattern", "d_model", "lr")) -> pl.DataFrame:
    """Members, diverged members, mean and standard deviation of the accuracy, by the given columns.

    Raises:
        StoreError: an unknown column (the nearest is named), or none given.
    """
    if not by:
        raise StoreError("an aggregate needs at least one column to group by")
    for name in by:
        if name not in frame.columns:
            raise StoreError(unknown("column", name, frame.columns))
    groups = frame.group_by(by).agg(
        members=pl.len(),
        diverged=pl.col("diverged_at").is_not_null().sum(),
        accuracy=pl.col("accuracy").mean(),
        sd=pl.col("accuracy").std(),
    )
    return groups.sort(by)
