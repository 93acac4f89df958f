"""How a TF layer makes each statement: what it needs of the stream, and its head or units.

Sources: docs/theory-constructions.md, Lemmas 6.4, 7.3 and 7.5, and section 12.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.book import Book, condition
from plait.compiler.encoding import Code, Points, code_angles
from plait.compiler.heads import Turns
from plait.compiler.lookups import AtDistance, Match, Mean, Previous
from plait.compiler.pointwise import ValueTable
from plait.compiler.staircase import BEND_DISTANCE, Staircase, staircase
from plait.compiler.statement import Statement
from plait.compiler.stream import Need, ProgramStream
from plait.constructions.rotary import Frequencies
from plait.constructions.transformer_writer import TransformerWriter

_Directions = Float[Tensor, "width d_model"]


class NeoxWriter(TransformerWriter):
    """The block's weights, with units of any threshold."""

    def unit(self, row: Float[Tensor, " d_model"], bias: float, into: Float[Tensor, " d_model"]) -> None:
        """A unit of the MLP: silu(row . normed + bias), added along `into`."""
        self._units.append((row, bias, self.residual.amplitude * into))

    @property
    def units(self) -> list[tuple[Tensor, float, Tensor]]:
        """Row, bias and direction of every unit of the MLP."""
        return list(self._units)

    @property
    def always(self) -> Float[Tensor, " d_model"]:
        """What the MLP adds at every position."""
        return self._mlp_bias

    def look_back(self, distance: int, turns: Frequencies, *, sharpness: float) -> None:
        """Adds `sharpness` times the cosines of all used frequencies of `t - distance` to the score at distance t."""
        for pair, frequency in zip(turns.used, turns.values, strict=True):
            self._weights["query"][pair] = self._weights["query"][pair + self.n_pairs] = 0.0
            self._biases["query"][pair] = self._biases["query"][pair + self.n_pairs] = 0.0
            self.attend_at_fixed_distance(distance, pair=pair, frequency=frequency, sharpness=sharpness)

    def take_out(self, row: Float[Tensor, " d_model"]) -> None:
        """Two units that subtract what stands along `row`."""
        for sign in (1.0, -1.0):
            self.unit(sign * row, 0.0, -sign * row)


@dataclass(frozen=True, kw_only=True, eq=False)
class TfOp(ABC):
    """One statement of a TF layer.

    Args:
        columns: what it must give for every value: those that stand in the stream, then the answer's.
        clean: nothing must give zeros.
    """

    statement: Statement
    columns: Points
    book: Book
    turns: Turns
    clean: bool

    @abstractmethod
    def needs(self) -> Iterator[Need]: ...

    @abstractmethod
    def write(self, writer: NeoxWriter, stream: ProgramStream, into: _Directions) -> None:
        """Its part of the layer; the k-th column goes along the k-th direction."""

    def need(self, statement: Statement, *columns: Points, clean: bool, what: str = "") -> Need:
        name = self.book.lowered.labels[statement].name or statement.kind
        return Need(statement=statement, columns=columns, clean=clean, label=f"{name} {what}".strip())


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps(TfOp):
    """A table: units of the MLP (Lemma 7.3)."""

    @cached_property
    def stairs(self) -> Staircase:
        assert isinstance(self.statement, ValueTable)
        scalars = [self.book.scalar(one) for one in self.statement.inputs]
        return staircase(self.statement, scalars, self.columns, clean=self.clean)

    def needs(self) -> Iterator[Need]:
        assert isinstance(self.statement, ValueTable)
        clean = self.clean or self.statement.sees_nothing
        for scalar in self.stairs.scalars:
            yield self.need(scalar.statement, scalar.column, clean=clean)

    def write(self, writer: NeoxWriter, stream: ProgramStream, into: _Directions) -> None:
        stairs = self.stairs
        row = torch.zeros(stream.residual.d_model, dtype=torch.float64)
        for scalar, weight in zip(stairs.scalars, stairs.weights, strict=True):
            row = row + weight * stream.rows(scalar.statement, scalar.column)[0]
        writer.think(stairs.lowest @ into)
        for bias, height in stairs.units():
            writer.unit(stairs.slope * row, bias, height @ into / BEND_DISTANCE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fetches(TfOp):
    """A lookup: the value's columns are copied from where the head looks."""

    def needs(self) -> Iterator[Need]:
        value = self.statement.inputs[0]
        yield self.need(value, self.columns, clean=False)
        yield from self.look_needs()

    @abstractmethod
    def look_needs(self) -> Iterator[Need]: ...

    @abstractmethod
    def look(self, writer: NeoxWriter, stream: ProgramStream) -> None:
        """The head's queries and keys; written once where several statements share it."""

    def values(self, stream: ProgramStream) -> Float[Tensor, "width d_model"]:
        """The rows that are copied."""
        return stream.rows(self.statement.inputs[0], self.columns)

    def write(self, writer: NeoxWriter, stream: ProgramStream, into: _Directions) -> None:
        raise AssertionError("heads are written together")


@dataclass(frozen=True, kw_only=True, eq=False)
class ByDistance(Fetches):
    """Lemma 6.4: the score at distance t is beta times the mean of cos(w (t - n)), n being the distance wanted."""

    @property
    def points(self) -> Points:
        return code_angles(self.statement.inputs[1].domain, self.turns.distances.values)

    def look_needs(self) -> Iterator[Need]:
        yield self.need(self.statement.inputs[1], self.points, clean=False, what="angle")

    def look(self, writer: NeoxWriter, stream: ProgramStream) -> None:
        assert isinstance(self.statement, AtDistance)
        rows = stream.rows(self.statement.inputs[1], self.points).unflatten(0, (-1, 2))
        pairs = self.turns.distances.used
        writer.attend_at_distance(
            [(pair, row, 1.0 / len(pairs)) for pair, row in zip(pairs, rows, strict=True)],
            sharpness=self.turns.look_at(self.statement).sharpness,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ByStep(Fetches):
    """Lemma 7.1: a constant query and key, whose score peaks at a fixed distance."""

    def look_needs(self) -> Iterator[Need]:
        return iter(())

    def look(self, writer: NeoxWriter, stream: ProgramStream) -> None:
        assert isinstance(self.statement, Previous)
        writer.attend_at_fixed_distance(
            self.statement.distance, pair=0, frequency=1.0,
            sharpness=self.turns.look_at(self.statement).sharpness,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ByMatch(Fetches):
    """Lemma 7.5: equal codes win on content, the latest or earliest of them by recency."""

    @property
    def match(self) -> Match:
        assert isinstance(self.statement, Match)
        return self.statement

    @cached_property
    def codes(self) -> list[Code]:
        pairs = zip(self.match.keys, self.match.queries, strict=True)
        return [self.book.union(key.domain, query.domain) for key, query in pairs]

    @cached_property
    def lead(self) -> float:
        """By how much a match's product leads that of every other position."""
        return min(code.lead for code in self.codes)

    def look_needs(self) -> Iterator[Need]:
        for code, key, query in zip(self.codes, self.match.keys, self.match.queries, strict=True):
            yield self.need(key, code.of(key.domain), clean=True)
            yield self.need(query, code.of(query.domain), clean=False)
        if self.match.condition is not None:
            yield self.need(self.match.condition, *condition(self.match.condition), clean=True)

    def look(self, writer: NeoxWriter, stream: ProgramStream) -> None:
        look = self.turns.look_for_match(self.match, self.lead)
        for code, key, query in zip(self.codes, self.match.keys, self.match.queries, strict=True):
            queries, keys = stream.rows(query, code.of(query.domain)), stream.rows(key, code.of(key.domain))
            writer.match(queries, keys, sharpness=look.sharpness)
        if self.match.condition is not None:
            # Where the condition does not hold, the score is lower by the lead of a match.
            row = stream.any_row(self.match.condition, condition(self.match.condition)).unsqueeze(0)
            constant = torch.full((1,), self.lead, dtype=torch.float64)
            writer.match(torch.zeros_like(row), row, sharpness=look.sharpness, offset=constant)
        later = -1.0 if self.match.earliest else 1.0
        writer.prefer_recent(pair=self.turns.recent_pair, sharpness=later * look.recency)


@dataclass(frozen=True, kw_only=True, eq=False)
class Averages(TfOp):
    """Scores of 0: the mean over the window."""

    def needs(self) -> Iterator[Need]:
        value = self.statement.inputs[0]
        yield self.need(value, self.book.numbers(value), clean=True)

    def values(self, stream: ProgramStream) -> Float[Tensor, "width d_model"]:
        value = self.statement.inputs[0]
        return self.book.scale(self.statement) * stream.rows(value, self.book.numbers(value))

    def look(self, writer: NeoxWriter, stream: ProgramStream) -> None:
        """Queries and keys are 0."""

    def write(self, writer: NeoxWriter, stream: ProgramStream, into: _Directions) -> None:
        raise AssertionError("heads are written together")


def tf_op(statement: Statement) -> type[TfOp]:
    """How a TF layer makes a statement."""
    for kind, op in (
        (ValueTable, Steps),
        (AtDistance, ByDistance),
        (Previous, ByStep),
        (Match, ByMatch),
        (Mean, Averages),
    ):
        if isinstance(statement, kind):
            return op
    raise AssertionError(statement.kind)
