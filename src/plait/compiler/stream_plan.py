"""What each layer of a program must find in the stream, and where: the columns that are read of every signal.

Layers are gone through from the last to the first: each says what it needs of the stream before it, so a signal is
held in just the columns that are read of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from plait.compiler.allocate import allocate
from plait.compiler.book import Book
from plait.compiler.encoding import Points
from plait.compiler.heads import Turns
from plait.compiler.lookups import Match
from plait.compiler.lower import Lowered
from plait.compiler.recurrent import Hold, Lag
from plait.compiler.schedule import SSM, ScheduledLayer
from plait.compiler.ssm_op import SsmOp
from plait.compiler.ssm_ops import OPS
from plait.compiler.statement import Statement
from plait.compiler.stream import Base, Need, ProgramStream, base_of, over_base
from plait.compiler.tf_ops import TfOp, tf_op
from plait.constructions.residual import QUIET, Residual

NORM_EPS = 1e-5


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
        entry.needs.append(replace(need, statement=base, columns=columns))

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
