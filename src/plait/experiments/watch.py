"""Who looks on while an experiment is trained."""

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from plait.experiments.shards import Shard


class Watch(Protocol):
    """Is told how an experiment goes on."""

    def planned(self, shards: Sequence[Shard]) -> None:
        """These shards make the experiment."""

    def noted(self, line: str) -> None:
        """Something that the user should know before it is trained."""

    def began(self, shard: Shard, part: Shard) -> None:
        """A planned shard is being trained, or the part of it that is not stored yet."""

    def advanced(self, steps: int, losses: Sequence[float]) -> None:
        """So many model-steps of that part are made, in all its members together."""

    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None:
        """A planned shard is stored; `rows` are those trained now, None if it was stored before."""

    def waiting(self, shards: int) -> None:
        """What is left, so many shards, is in the hands of other processes."""


class Unwatched:
    """Says nothing."""

    def planned(self, shards: Sequence[Shard]) -> None: ...
    def noted(self, line: str) -> None: ...
    def began(self, shard: Shard, part: Shard) -> None: ...
    def advanced(self, steps: int, losses: Sequence[float]) -> None: ...
    def finished(self, shard: Shard, rows: pl.DataFrame | None) -> None: ...
    def waiting(self, shards: int) -> None: ...
