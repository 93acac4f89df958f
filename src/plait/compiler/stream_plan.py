"""What each layer of a program must find in the stream, and where: the columns that are read of every signal.

Layers are gone through from the last to the first: each says what it needs of the stream before it, so a signal is
held in just the columns that are read of it. A subspace holds one signal, or one after the other where a signal is no
longer read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from plait.compiler.book import Book
from plait.compiler.encoding import Points, spanned
from plait.compiler.heads import Turns
from plait.compiler.lookups import Match
from plait.compiler.lower import Lowered
from plait.compiler.recurrent import Hold, Lag
from plait.compiler.schedule import SSM, ScheduledLayer
from plait.compiler.ssm_op import SsmOp
from plait.compiler.ssm_ops import OPS
from plait.compiler.statement import Statement
from plait.compiler.stream import Base, Need, ProgramStream, base_of, named_apart, over_base
from plait.compiler.tf_ops import TfOp, tf_op
from plait.constructions.residual import QUIET, Residual

NORM_EPS = 1e-5
"""That of torch.nn.LayerNorm, beside which a quiet stream's variance is nothing (Lemma 6.1)."""


def quiet_residual(subspaces: tuple[tuple[str, int], ...]) -> Residual:
    """A stream whose norms see nothing but epsilon (Lemma 6.1 ii)."""
    return Residual(subspaces=subspaces, amplitude=QUIET)


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamPlan:
    """Which layer makes what, how, and what the stream holds for it.

    Args:
        layers: which layer makes what.
        key_gain: what a coordinate measures of keys that an SSM layer copies.
        reuse: signals take the subspaces of those that are no longer read.
        residual_of: gives the stream for its subspaces.
        linear_gates: step sizes are read without SiLU.
    """

    lowered: Lowered
    layers: tuple[ScheduledLayer, ...]
    book: Book
    turns: Turns
    key_gain: float = 1.0
    reuse: bool = False
    residual_of: Callable[[tuple[tuple[str, int], ...]], Residual] = quiet_residual
    linear_gates: bool = False

    @cached_property
    def planned(self) -> "tuple[dict[Statement, SsmOp | TfOp], ProgramStream]":
        """How each statement is made, and the stream that all of them need."""
        token, answer = self.lowered.token, self.lowered.answer
        bases: dict[Statement, Base] = {token: Base(called="token")}
        code = self.book.answer(answer.domain)
        self._note(
            bases,
            Need(statement=token, columns=(self.book.tokens.of(token.domain),), clean=True, label="token"),
        )
        ops: dict[Statement, SsmOp | TfOp] = {}
        for index in reversed(range(len(self.layers))):
            layer = self.layers[index]
            there = frozenset(one for before in self.layers[:index] for one in before.makes)
            for statement in layer.makes:
                base = bases.setdefault(statement, Base(called=self._name(statement)))
                self._settle(statement, base)
                columns = base.points(len(statement.domain))
                if statement is answer:
                    columns = torch.cat((columns, code), dim=-1)
                op = self._op(layer.kind, statement, columns, there, clean=base.clean)
                ops[statement] = op
                try:
                    needs = list(op.needs())
                except ValueError as error:
                    raise ValueError(f"{self.lowered.called(statement)}: {error}") from error
                for need in needs:
                    self._note(bases, replace(need, layer=index + 1))
        bases[token].settle(len(token.domain))
        return ops, self._stream(bases)

    def _op(
        self, kind: str, statement: Statement, columns: Points, there: frozenset[Statement], *, clean: bool
    ) -> SsmOp | TfOp:
        if kind == SSM:
            op = OPS[type(statement)]
            return op(
                statement=statement, columns=columns, there=there, book=self.book, clean=clean,
                linear_gates=self.linear_gates,
            )  # fmt: skip
        return tf_op(statement)(
            statement=statement, columns=columns, book=self.book, turns=self.turns, clean=clean
        )

    def _name(self, statement: Statement) -> str:
        return self.lowered.labels[statement].name or statement.kind

    def _note(self, bases: dict[Statement, Base], need: Need) -> None:
        token = self.lowered.token
        base = base_of(need.statement, token)
        columns = tuple(over_base(need.statement, column) for column in need.columns)
        entry = bases.setdefault(base, Base(called=self._name(base)))
        entry.needs.append(replace(need, statement=base, columns=columns, of=need.statement))

    def _settle(self, statement: Statement, base: Base) -> None:
        if statement.numeric:
            numbers = self.book.scale(statement) * self.book.numbers(statement)
            base.groups = [(base.called, numbers)]
        else:
            base.settle(len(statement.domain))
            points = base.points(len(statement.domain))
            loud = self.key_gain if statement in self._copied_keys and points.numel() else 1.0
            base.groups = [(base.called, loud * points)] if base.groups else []

    @cached_property
    def _copied_keys(self) -> set[Statement]:
        """Keys that an SSM layer copies: where they are loud, what later layers round is nothing beside them."""
        matches = [one for layer in self.layers for one in layer.makes if isinstance(one, Match)]
        return {key for one in matches for key in one.keys if isinstance(key, Lag | Hold)}

    def _stream(self, bases: dict[Statement, Base]) -> ProgramStream:
        token = self.lowered.token
        order = [token, *(one for layer in self.layers for one in layer.makes)]
        found = allocate(order, bases, self.layers, reuse=self.reuse)
        subspaces = list(found.subspaces)
        width = 1 + sum(width for _, width in subspaces)
        if width < (least := self._least_width(bases)):
            subspaces.append(("unused", least - width))
        return ProgramStream(
            token=token,
            bases={one: bases[one].points(len(one.domain)) for one in order},
            residual=self.residual_of(tuple(subspaces)),
            names=dict(found.names),
            of=tuple(one or token for one in bases[token].of),
            taken=found.taken,
            answer_code=self.book.tokens.of(token.domain),
        )

    def _least_width(self, bases: dict[Statement, Base]) -> int:
        """Dimensions that the widest head takes."""
        turning = 2 * self.turns.frequencies.n_pairs
        widths = [turning, 1]
        for layer in self.layers:
            widths += [turning + self._compared(one) for one in layer.fetches]
            widths.append(sum(self._copied(one, bases) for one in layer.fetches))
        return max(widths)

    def _compared(self, statement: Statement) -> int:
        """Dimensions of queries and keys that compare codes."""
        op = tf_op(statement)(
            statement=statement, columns=torch.zeros(len(statement.domain), 0, dtype=torch.float64),
            book=self.book, turns=self.turns, clean=False,
        )  # fmt: skip
        codes = getattr(op, "codes", ())
        condition = getattr(statement, "condition", None) is not None
        return sum(code.points.shape[-1] for code in codes) + int(condition)

    def _copied(self, statement: Statement, bases: dict[Statement, Base]) -> int:
        own = bases[statement].points(len(statement.domain)).shape[-1]
        return own + (self.book.tokens.points.shape[-1] if statement is self.lowered.answer else 0)

    @property
    def stream(self) -> ProgramStream:
        return self.planned[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Taken:
    """A subspace that one base leaves to another.

    Args:
        layer: the layer (1, 2, ..) that takes out the old and writes the new.
        name: of the subspace.
    """

    layer: int
    name: str
    old: Statement
    new: Statement


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """Subspaces in the order of the basis, those of each base in the order of its columns, and who takes whose."""

    subspaces: tuple[tuple[str, int], ...]
    names: Mapping[Statement, tuple[str, ...]]
    taken: tuple[Taken, ...]


@dataclass(eq=False)
class _Segment:
    width: int
    owner: Statement
    first: int
    """Place of its first column among the owner's."""
    called: list[str]
    written: int
    history: list[tuple[int, Statement, Statement]] = field(default_factory=list)


def allocate(
    order: Sequence[Statement],
    bases: Mapping[Statement, Base],
    layers: Sequence[ScheduledLayer],
    *,
    reuse: bool,
) -> Allocation:
    """Subspaces for all bases, the token's first.

    Args:
        order: the token, then what the layers make.
        reuse: a base may take what is no longer read behind its layer.
    """
    made_by = {one: index + 1 for index, layer in enumerate(layers) for one in layer.makes}
    segments: list[_Segment] = []
    of_base: dict[Statement, list[_Segment]] = {one: [] for one in order}
    for one in order:
        layer, first = made_by.get(one, 0), 0
        for called, columns in bases[one].groups:
            left = columns.shape[-1]
            while left:
                segment = _free(segments, bases, layer, left) if reuse and layer else None
                if segment is None:
                    segment = _Segment(width=left, owner=one, first=first, called=[called], written=layer)
                    segments.append(segment)
                else:
                    segment.history.append((layer, segment.owner, one))
                    segment.owner, segment.first, segment.written = one, first, layer
                    segment.called.append(called)
                of_base[one].append(segment)
                first, left = first + segment.width, left - segment.width
    names = named_apart([" / ".join(dict.fromkeys(segment.called)) for segment in segments])
    name_of = dict(zip(map(id, segments), names, strict=True))
    return Allocation(
        subspaces=tuple((name_of[id(segment)], segment.width) for segment in segments),
        names={one: tuple(name_of[id(segment)] for segment in found) for one, found in of_base.items()},
        taken=tuple(
            Taken(layer=layer, name=name_of[id(segment)], old=old, new=new)
            for segment in segments
            for layer, old, new in segment.history
        ),
    )


def _free(
    segments: Sequence[_Segment], bases: Mapping[Statement, Base], layer: int, width: int
) -> _Segment | None:
    """The widest segment of at most this width that no layer behind this one reads."""
    free = [
        segment
        for segment in segments
        if segment.width <= width and segment.written < layer and _last_read(segment, bases) <= layer
    ]
    return max(free, key=lambda segment: segment.width, default=None)


def _last_read(segment: _Segment, bases: Mapping[Statement, Base]) -> int:
    """The last layer that reads one of the segment's columns; the answer is written over whatever stands there."""
    base = bases[segment.owner]
    columns = slice(segment.first, segment.first + segment.width)
    points = base.points(0)
    return max((need.layer for need in base.needs if _reads(points, need.columns, columns)), default=0)


def _reads(points: Points, choices: Sequence[Points], columns: slice) -> bool:
    for choice in choices:
        weights = spanned(points, choice)
        if weights is not None:
            return bool(weights[columns].any())
    return False
