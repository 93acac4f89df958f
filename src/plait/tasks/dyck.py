"""Dyck-k of bounded depth: which bracket must close the innermost open one?

    tokens    (  [  ]  (  [  ]  )  )  (
    targets   )  ]  )  )  ]  )  )  -  )      - = not scored: none is open, or more than `depth` are

Source: J. Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal memory", arXiv 2010.07515
(Dyck-(k, m)); meaning as examples/programs/dyck.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from plait.checks import check_integer
from plait.deferred import deferred
from plait.random import Stream
from plait.tasks.base import SPECIALS, Composition, Targets
from plait.tasks.lookup import Lookup, latest, shifted

if TYPE_CHECKING:
    import torch
    from jaxtyping import Int
    from torch import Tensor
else:
    torch = deferred("torch")


BRACKETS = ("()", "[]", "{}", "<>")


@dataclass(frozen=True, kw_only=True)
class Dyck(Lookup):
    """`n_kinds` kinds of brackets, each an opening token and then its closing one.

    The depth at a position is the number of opening brackets so far less that of closing ones. The target is the
    bracket that closes the latest opening one that led to the present depth: in a row of well-nested brackets the
    innermost open one. Nothing is scored where there is none, or at a depth below 0 or above `depth`.

    Sampled rows are beginnings of well-nested rows: every bracket opens or closes with equal probability, but one that
    would leave the depths from 0 to `depth` goes the other way; the kinds are uniform.

    Raises:
        ValueError: n_kinds outside [1, 2^20], or depth outside [1, 2^20].
    """

    name: ClassVar[str] = "dyck"
    composition: ClassVar[Composition | None] = Composition(
        control="the depth at the position",
        content="for each depth, the kind of the latest opening bracket that led to it",
        lookup="the content at the control",
    )

    n_kinds: int = 2
    depth: int = 8

    def __post_init__(self) -> None:
        check_integer("n_kinds", self.n_kinds, least=1, most=2**20)
        check_integer("depth", self.depth, least=1, most=2**20)

    @property
    def can_be_cut(self) -> bool:
        return True

    @property
    def ordinary_tokens(self) -> int:
        return 2 * self.n_kinds

    @property
    def token_names(self) -> tuple[str, ...]:
        if self.n_kinds <= len(BRACKETS):
            return (*"".join(BRACKETS[: self.n_kinds]), *SPECIALS)
        return (*(f"{bracket}{kind}" for kind in range(self.n_kinds) for bracket in "()"), *SPECIALS)

    def answers(self, row: Sequence[int]) -> Iterator[int | None]:
        depth = 0
        closing: dict[int, int] = {}
        for token in row:
            opens = token % 2 == 0
            depth += 1 if opens else -1
            if opens:
                closing[depth] = token + 1
            yield closing.get(depth) if 0 <= depth <= self.depth else None

    def _label(self, tokens: Int[Tensor, "*batch time"]) -> Targets:
        depth = self._asked(tokens)
        return latest(tokens + 1, torch.where(tokens % 2 == 0, depth, -1), depth)

    def _asked(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        depth = (1 - tokens % 2 * 2).cumsum(-1)
        return torch.where(depth <= self.depth, depth, -1)

    def _draw(self, stream: Stream, batch: int, seq_len: int) -> Int[Tensor, "*members batch time"]:
        # A walk with reflecting ends is a free walk, folded.
        free = (2 * stream.integers(2, (batch, seq_len), draw=0) - 1).cumsum(-1)
        depth = self.depth - (self.depth - free % (2 * self.depth)).abs()
        opens = depth > shifted(depth, fill=0)
        kind = stream.integers(self.n_kinds, (batch, seq_len), draw=1)
        closes = latest(kind, torch.where(opens, depth, -1), torch.where(opens, -1, depth + 1)).tokens
        return torch.where(opens, 2 * kind, 2 * closes + 1)
