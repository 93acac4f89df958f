"""From a program to a layout: layers, codes, what stands where in the stream, and the weights.

Layers are gone through from the last to the first: each says what it needs of the stream before it, so a signal is
held in just the columns that are read of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.allocate import Taken, allocate
from plait.compiler.book import Book
from plait.compiler.encoding import Points
from plait.compiler.heads import Turns
from plait.compiler.lookups import Match
from plait.compiler.lower import Lowered
from plait.compiler.recurrent import Hold, Lag
from plait.compiler.schedule import SSM, TF, ScheduledLayer
from plait.compiler.ssm_op import SsmOp
from plait.compiler.ssm_ops import OPS
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.statement import Statement
from plait.compiler.stream import Base, Need, ProgramStream, base_of, over_base
from plait.compiler.tf_ops import Averages, Fetches, NeoxWriter, Steps, TfOp, tf_op
from plait.constructions.assemble import assemble
from plait.constructions.residual import QUIET, Residual
from plait.model import HybridConfig

NORM_EPS = 1e-5


def quiet_residual(subspaces: tuple[tuple[str, int], ...]) -> Residual:
    """A stream whose norms see nothing but epsilon (Lemma 6.1 ii)."""
    return Residual(subspaces=subspaces, amplitude=QUIET)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Everything that decides the weights.

    Args:
        layers: which layer makes what.
        vocab_size: with the specials.
        key_gain: what a coordinate measures of keys that an SSM layer copies.
        reuse: signals take the subspaces of those that are no longer read.
        residual_of: gives the stream for its subspaces.
        linear_gates: step sizes are read without SiLU.
    """

    lowered: Lowered
    layers: tuple[ScheduledLayer, ...]
    book: Book
    turns: Turns
    vocab_size: int
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
                for need in op.needs():
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

    @cached_property
    def blocks(self) -> tuple["SsmWriter | NeoxWriter", ...]:
        """Every layer's writer, filled."""
        return tuple(self._ssm(layer) if layer.kind == SSM else self._tf(layer) for layer in self.layers)

    def into(self, statement: Statement) -> Tensor:
        """The directions along which a statement's columns are written."""
        own = self.stream.directions(statement)
        if statement is not self.lowered.answer:
            return own
        return torch.cat((own, self.gain * self.stream.answer_directions))

    @property
    def factors(self) -> tuple[float, float]:
        """What RMSNorm and LayerNorm make of a signal of 1 in a quiet stream."""
        residual = self.stream.residual
        return residual.rms_factor(0.0, eps=NORM_EPS), residual.layer_factor(0.0, eps=NORM_EPS)

    def _ssm(self, layer: ScheduledLayer) -> SsmWriter:
        ops, stream = self.planned
        writer = SsmWriter(stream.residual, factor=self.factors[0])
        for statement in layer.makes:
            op = ops[statement]
            assert isinstance(op, SsmOp)
            op.write(writer, stream, self.into(statement))
        for row in self._left(layer):
            writer.take_out(row)
        return writer

    def _left(self, layer: ScheduledLayer) -> Float[Tensor, "coordinates d_model"]:
        """The coordinates whose old content the layer takes out."""
        number = self.layers.index(layer) + 1
        rows = [self.stream.residual.rows(one.name) for one in self.stream.taken if one.layer == number]
        return torch.cat(rows) if rows else torch.zeros(0, self.stream.residual.d_model, dtype=torch.float64)

    def _tf(self, layer: ScheduledLayer) -> NeoxWriter:
        ops, stream = self.planned
        writer = NeoxWriter(stream.residual, factor=self.factors[1], n_pairs=self.turns.frequencies.n_pairs)
        copied: list[Tensor] = []
        into: list[Tensor] = []
        for statement in layer.makes:
            op = ops[statement]
            if isinstance(op, Steps):
                op.write(writer, stream, self.into(statement))
            elif isinstance(op, Fetches | Averages):
                if not copied:
                    op.look(writer, stream)
                copied.append(op.values(stream))
                into.append(self.into(statement))
        for row in self._left(layer):
            writer.take_out(row)
        if copied:
            writer.copy(torch.cat(copied), into=torch.cat(into), gain=1.0)
        return writer

    @cached_property
    def config(self) -> HybridConfig:
        """The model's dimensions."""
        stream, turns = self.stream, self.turns
        ssm = [block for block in self.blocks if isinstance(block, SsmWriter)]
        windows = tuple(self._window(layer) for layer in self.layers)
        units = tuple(
            len(block._units) if isinstance(block, NeoxWriter) else None  # pyright: ignore[reportPrivateUsage]
            for block in self.blocks
        )
        d_model = stream.residual.d_model
        pairs = turns.frequencies
        return HybridConfig(
            self.vocab_size,
            pattern="-".join(layer.kind for layer in self.layers),
            d_model=d_model,
            window=windows,
            d_state=1,
            d_inner=max((len(block.channels) for block in ssm), default=1),
            dt_rank=max((len(block.quantities) for block in ssm), default=1) or 1,
            d_conv=max((block.d_conv for block in ssm), default=1),
            rotary_fraction=pairs.fraction(d_model) if pairs.n_pairs else 0.0,
            rotary_base=pairs.base,
            d_mlp=units,
            norm_eps=NORM_EPS,
            init="paper",  # of no effect: every weight is set
        )

    def _window(self, layer: ScheduledLayer) -> int | None:
        if layer.kind != TF:
            return None
        return max((self.turns.window(one) for one in layer.fetches), default=1)

    def weights(self) -> dict[str, Tensor]:
        """Every parameter, in float64."""
        stream, config = self.stream, self.config
        tensors = [
            block.tensors(d_inner=config.d_inner or 1, dt_rank=config.dt_rank or 1, d_conv=config.d_conv)
            if isinstance(block, SsmWriter)
            else block.tensors()
            for block in self.blocks
        ]
        return assemble(
            stream.residual.embed(self.embedded),
            tensors,
            vocab_size=self.vocab_size,
            final_gain=self.final_gain,
        )

    @property
    def embedded(self) -> dict[str, Points]:
        """What each subspace holds behind the embedding."""
        stream, token = self.stream, self.lowered.token
        widths = [stream.residual.width(name) for name in stream.names[token]]
        return dict(zip(stream.names[token], stream.bases[token].split(widths, dim=-1), strict=True))

    @cached_property
    def murmur(self) -> float:
        """By how much what the embedding of a token holds may move two logits apart."""
        stream, token = self.stream, self.lowered.token
        table, own = stream.bases[token], torch.ones(stream.bases[token].shape[-1], dtype=torch.bool)
        taken, first = 0.0, 0
        for name in stream.names[token]:
            columns = slice(first, first + stream.residual.width(name))
            first = columns.stop
            if (one := stream.left(token, name)) is not None:
                own[columns] = False
                held = max(
                    float(stream.bases[base].norm(dim=-1).max()) for base in (one.new, *self._later(one))
                )
                taken += 2.0 * held * float(table[:, columns].norm(dim=-1).max())
        table = table[:, own]
        most = torch.zeros(())
        for block in table.split(1024):
            product = block @ table.T
            low, high = product.amin(-1).clamp(max=0.0), product.amax(-1).clamp(min=0.0)
            most = torch.maximum(most, (high - low).max())
        return float(most) + taken

    def _later(self, taken: Taken) -> list[Statement]:
        """Who takes the subspace after that."""
        following = self.stream.left(taken.new, taken.name)
        return [] if following is None else [following.new, *self._later(following)]

    @property
    def lead(self) -> float:
        """By how much the answer's code leads every other token's, and nothing."""
        return self.book.tokens.lead

    @cached_property
    def gain(self) -> float:
        """Of the answer's code over what the embedding left there; a power of 2 (Theorem 12.13)."""
        return 2.0 ** math.ceil(math.log2(16.0 * self.murmur / self.lead))

    @property
    def final_gain(self) -> float:
        """Such that logits are about products of codes."""
        residual = self.stream.residual
        last = residual.layer_factor(self.gain**2 * self.book.tokens.norm**2, eps=NORM_EPS)
        return 1.0 / (residual.amplitude * last * self.gain)
