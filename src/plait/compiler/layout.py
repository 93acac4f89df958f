"""From a program to a layout: the layers' writers, the model's dimensions, and its weights."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler.encoding import Points
from plait.compiler.schedule import SSM, TF, ScheduledLayer
from plait.compiler.ssm_op import SsmOp
from plait.compiler.ssm_writer import SsmWriter
from plait.compiler.statement import Statement
from plait.compiler.stream_plan import NORM_EPS, StreamPlan, Taken
from plait.compiler.tf_ops import Averages, Fetches, NeoxWriter, Steps
from plait.constructions.residual import assemble
from plait.model import HybridConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout(StreamPlan):
    """Everything that decides the weights.

    Args:
        vocab_size: with the specials.
    """

    vocab_size: int

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
            d_inner=max((len(block.channels) for block in ssm), default=1) or 1,
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
        for block in table.split(1024):  # for memory
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
        """Of the answer's code over what the embedding left there; a power of 2 (Theorem 12.15)."""
        least = 16.0 * self.murmur / self.lead
        return 2.0 ** math.ceil(math.log2(least)) if least else 1.0

    @property
    def final_gain(self) -> float:
        """Such that logits are about products of codes."""
        residual = self.stream.residual
        last = residual.layer_factor(self.gain**2 * self.book.tokens.norm**2, eps=NORM_EPS)
        return 1.0 / (residual.amplitude * last * self.gain)
