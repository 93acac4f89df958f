"""What a statement of a program is: inputs, the values that it may take, and its meaning.

A meaning is a plain function from the inputs' values, a list with one entry a position, to the statement's own. At
some positions a signal may hold *nothing*: before the start, before the first hold, where a lookup finds no match.
`evaluate` gives the same by whole tensors, values as places in `domain` and nothing as -1.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler.values import Value

SignalValues = list[Value | None]
"""A signal over one sequence: a value a position, None for nothing."""

NOTHING = -1


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Statement(ABC):
    """One statement; two are the same only if they are one object.

    Args:
        inputs: the signals that it reads.
        domain: the values that it may take.
    """

    kind: ClassVar[str]

    inputs: tuple["Statement", ...]
    domain: tuple[Value, ...]

    @property
    def maybe(self) -> bool:
        """Whether it may hold nothing somewhere."""
        return any(signal.maybe for signal in self.inputs)

    @property
    def loose(self) -> bool:
        """Whether a compiled model may hold just anything where the signal holds nothing; else it holds zeros."""
        return any(signal.loose for signal in self.inputs)

    @property
    def numeric(self) -> bool:
        """Whether a compiled model holds the value as a number alone: 0 and nothing then look alike."""
        return False

    @property
    def edged(self) -> bool:
        """Whether nothing means a number outside the domain, which a table can tell."""
        return False

    @abstractmethod
    def meaning(self, *columns: SignalValues) -> SignalValues:
        """The values over one sequence."""

    @abstractmethod
    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        """The same by tensors of places in the domains."""

    def __repr__(self) -> str:
        return f"<{self.kind} of {len(self.domain)} values>"

    def parameters(self) -> dict[str, object]:
        """What decides the meaning beside the inputs, as plain JSON."""
        return {}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Searching(Statement):
    """What the first input holds at a place that the others decide, if there is one."""

    @property
    def maybe(self) -> bool:
        return True

    @property
    def loose(self) -> bool:
        return True

    @property
    def numeric(self) -> bool:
        return self.inputs[0].numeric


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Numeric(Statement):
    """A number at every position."""

    @property
    def maybe(self) -> bool:
        return False

    @property
    def loose(self) -> bool:
        return False

    @property
    def numeric(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Summing(Statement):
    """A number that may leave its domain.

    Args:
        stay: numbers outside the domain count as its nearest end; otherwise they are nothing.
    """

    stay: bool = False

    @property
    def maybe(self) -> bool:
        return not self.stay

    @property
    def loose(self) -> bool:
        return not self.stay

    @property
    def numeric(self) -> bool:
        return True

    @property
    def edged(self) -> bool:
        return True


def ancestors(*last: Statement) -> list[Statement]:
    """These statements and all that they read, each behind its inputs."""
    found: dict[Statement, None] = {}
    waiting = list(reversed(last))
    while waiting:
        missing = [signal for signal in waiting[-1].inputs if signal not in found]
        if missing:
            waiting += reversed(missing)
        else:
            found[waiting.pop()] = None
    return list(found)


def looked_up(
    table: Sequence[int], index: Int[Tensor, "*batch time"], *, nothing: int = NOTHING
) -> Int[Tensor, "*batch time"]:
    """The table's entry at each index, `nothing` where the index is -1."""
    entries = torch.tensor([*table, nothing], dtype=torch.int64, device=index.device)
    return entries[index]
