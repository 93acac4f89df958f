"""Questions to a folder of results: filters, aggregates and SQL over its members.

SQL is polars' own, over the one table `members`, in a process that can open nothing else (sql_process.py).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from plait.checks import shortened, unknown
from plait.experiments.folder import StoreError
from plait.experiments.schema import COLUMNS
from plait.experiments.sql_process import run_sql


def query(folder: str | os.PathLike[str], sql: str) -> pl.DataFrame:
    """The answer to one SELECT statement over the table `members` (schema.py says what its columns mean).

    Raises:
        StoreError: no such folder, a damaged shard, a statement that is not one SELECT over `members`, or one that
            takes too much time or memory.
    """
    check_query(sql)
    return run_sql(folder, sql)


def check_query(sql: str) -> None:
    """Raises:
    StoreError: no SELECT.
    """
    words = sql.split(maxsplit=1)
    if not words or words[0].upper() not in ("SELECT", "WITH"):
        raise StoreError(f"a query starts with SELECT or WITH, got {shortened(sql.strip(), most=42)}")


def check_columns(names: Iterable[str]) -> None:
    """Raises:
    StoreError: a column that members do not have; the nearest is named.
    """
    for name in names:
        if name not in COLUMNS:
            raise StoreError(unknown("column", name, COLUMNS))


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
