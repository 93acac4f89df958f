"""A compiled program as a `BambaForCausalLM`: Mamba-2, attention and gated MLPs, one behind the other.

A layer of the program's own model becomes a layer of Bamba with its mixer alone; tables without a lookup go into the
gated MLP of the layer before, which reads what that layer has made. In float32, tried on samples, not proved.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from plait.compiler import ProgramPlan
from plait.compiler.book import Book
from plait.compiler.layout import Layout
from plait.compiler.lookups import Previous
from plait.compiler.lower import lower
from plait.compiler.plan import misses
from plait.compiler.schedule import SSM, TF, ScheduledLayer, Scheduler
from plait.compiler.ssm_writer import Channel, SsmWriter
from plait.compiler.tf_ops import NeoxWriter
from plait.constructions.mamba_writer import HOLD, SILU_ONE, STEP
from plait.export.bamba_stream import BAMBA_QUIET, BambaTurns, PlainResidual
from plait.export.bamba_writer import EPS, GATED_QUIET, BambaShape, bamba_model, silu_inverse
from plait.export.blocks import need_transformers

if TYPE_CHECKING:
    from transformers import BambaForCausalLM

_Row = Float[Tensor, " d_model"]


@dataclass(eq=False)
class _Block:
    """One layer of Bamba: a mixer or a head, and the units of its MLP."""

    mixer: SsmWriter | NeoxWriter | None
    units: list[tuple[_Row, _Row]] = field(default_factory=list)


def bamba_program(plan: ProgramPlan) -> "BambaForCausalLM":
    """A model in float32 that computes the plan's program on sequences of its length.

    Raises:
        ValueError: no transformers.
        WindowNeededError: a statement looks at fewer positions than all before it.
    """
    need_transformers()
    layout = _layout(plan)
    blocks = _blocks(layout)
    return _model(layout, blocks, plan)


def _layout(plan: ProgramPlan) -> Layout:
    """Layers, heads and stream; the width decides the frequencies, and so is found first."""
    lowered = lower(plan.task, seq_len=plan.seq_len)
    layers = Scheduler(lowered, kinds=(TF, SSM), plain_gates=True).layers()
    book = Book(lowered=lowered, base=2, seq_len=plan.seq_len)
    heads = tuple(one for layer in layers for one in layer.fetches)
    width = 8
    while True:
        turns = BambaTurns(
            heads=heads, seq_len=plan.seq_len, n_frequencies=1, misses=misses(book, layers), d_model=width
        )

        def residual_of(subspaces: tuple[tuple[str, int], ...], width: int = width) -> PlainResidual:
            return PlainResidual(subspaces=subspaces, width_at_least=width)

        layout = Layout(
            lowered=lowered, layers=layers, book=book, turns=turns, vocab_size=plan.task.vocab_size,
            residual_of=residual_of, linear_gates=True,
        )  # fmt: skip
        if layout.stream.residual.d_model == width:
            return layout
        width = layout.stream.residual.d_model


def _blocks(layout: Layout) -> list[_Block]:
    found: list[_Block] = []
    one = layout.stream.residual.constant_row()
    for layer, writer in zip(layout.layers, layout.blocks, strict=True):
        if isinstance(writer, SsmWriter):
            found.append(_Block(mixer=writer))
            continue
        units = [(row + bias * one, into) for row, bias, into in writer.units]
        if bool(writer.always.any()):
            units.append((SILU_ONE * one, writer.always))
        if layer.fetches or not found or found[-1].units:
            found.append(_Block(mixer=_head(layout, layer, writer) if layer.fetches else None))
        found[-1].units += units
    if all(isinstance(block.mixer, SsmWriter) for block in found):
        found.append(
            _Block(mixer=None)
        )  # transformers counts positions by an attention layer, and so needs one
    return found


def _head(layout: Layout, layer: ScheduledLayer, writer: NeoxWriter) -> NeoxWriter:
    """The head; a fixed distance is looked for on all frequencies, since there is no window."""
    statement = layer.fetches[0]
    if isinstance(statement, Previous):
        turns = layout.turns
        sharpness = turns.look_at(statement).sharpness / len(turns.frequencies.used)
        writer.look_back(statement.distance, turns.frequencies, sharpness=sharpness)
    return writer


def _model(layout: Layout, blocks: Sequence[_Block], plan: ProgramPlan) -> "BambaForCausalLM":
    d, vocab_size = layout.stream.residual.d_model, plan.task.vocab_size
    mixers = [block.mixer for block in blocks if isinstance(block.mixer, SsmWriter)]
    shape = BambaShape(
        vocab_size=vocab_size,
        d_model=d,
        n_layers=len(blocks),
        attention=[n for n, block in enumerate(blocks) if not isinstance(block.mixer, SsmWriter)],
        expand=max((-(-len(mixer.channels) // d) for mixer in mixers), default=1),
        taps=max((mixer.d_conv for mixer in mixers), default=1),
        n_units=max(1, *(len(block.units) for block in blocks)),
        seq_len=plan.seq_len,
        rotary_base=layout.turns.frequencies.base,
    )
    tensors = _stem(layout, vocab_size)
    for number, block in enumerate(blocks):
        name = f"model.layers.{number}."
        tensors |= {name + key: value for key, value in _mlp(layout, block, shape.n_units).items()}
        if isinstance(block.mixer, SsmWriter):
            mixed = _mixer(layout, block.mixer, width=shape.expand * d, taps=shape.taps)
        else:
            mixed = {} if block.mixer is None else _attention(block.mixer)
        tensors |= {name + key: value for key, value in mixed.items()}
    return bamba_model(shape, tensors)


def _undone(layout: Layout, signal: float = 1.0) -> _Row:
    """Norm weights after which a signal of 1 measures `signal`."""
    d_model = layout.stream.residual.d_model
    return torch.full((d_model,), signal * EPS**0.5 / BAMBA_QUIET, dtype=torch.float64)


def _stem(layout: Layout, vocab_size: int) -> dict[str, Tensor]:
    stream, token = layout.stream, layout.lowered.token
    table = torch.zeros(vocab_size, stream.residual.d_model, dtype=torch.float64)
    table[: len(token.domain)] = stream.residual.embed(layout.embedded)
    return {
        "model.embed_tokens.weight": table,
        "lm_head.weight": table,
        "model.final_layernorm.weight": _undone(layout, 1.0 / BAMBA_QUIET),
    }


def _mlp(layout: Layout, block: _Block, n_units: int) -> dict[str, Tensor]:
    """silu(gate) * up: up reads the constant."""
    d = layout.stream.residual.d_model
    gates, ups, downs = (torch.zeros(n_units, d, dtype=torch.float64) for _ in range(3))
    for place, (row, into) in enumerate(block.units):
        gates[place], ups[place], downs[place] = row, layout.stream.residual.constant_row(), into
    return {
        "pre_ff_layernorm.weight": _undone(layout),
        "feed_forward.gate_proj.weight": gates,
        "feed_forward.up_proj.weight": ups,
        "feed_forward.down_proj.weight": downs.T,
    }


def _mixer(layout: Layout, writer: SsmWriter, *, width: int, taps: int) -> dict[str, Tensor]:
    """Mamba-2 with a channel a head: step sizes read the stream, B = 1, and C makes the output quiet.

    Where the program's block takes B = 1/128, the outputs are that much smaller here, and the skips larger.
    """
    residual = layout.stream.residual
    one, zero = residual.constant_row(), torch.zeros(residual.d_model, dtype=torch.float64)
    padded = [*writer.channels, *[Channel(row=zero, taps={})] * (width - len(writer.channels))]
    convolution = torch.zeros(width + 2, 1, taps, dtype=torch.float64)
    bias = torch.zeros(width + 2, dtype=torch.float64)
    for place, channel in enumerate(padded):
        bias[place] = channel.bias
        for lag, weight in channel.taps.items():
            convolution[place, 0, taps - 1 - lag] = weight
    convolution[width:, 0, taps - 1] = 1.0
    gates = [SILU_ONE * one if channel.gate is None else channel.gate for channel in padded]
    steps = [_step_row(writer, channel, one) for channel in padded]
    writes = [zero if channel.writes is None else channel.writes / STEP for channel in padded]
    return {
        "input_layernorm.weight": _undone(layout),
        "mamba.in_proj.weight": torch.stack(
            [
                *gates,
                *(channel.row for channel in padded),
                SILU_ONE * one,
                silu_inverse(GATED_QUIET) * one,
                *steps,
            ]
        ),
        "mamba.conv1d.weight": convolution,
        "mamba.conv1d.bias": bias,
        "mamba.A_log": torch.tensor([channel.rate for channel in padded], dtype=torch.float64).log(),
        "mamba.D": STEP
        * GATED_QUIET
        * torch.tensor([channel.skip for channel in padded], dtype=torch.float64),
        "mamba.norm.weight": torch.full((width,), EPS**0.5 / GATED_QUIET, dtype=torch.float64),
        "mamba.out_proj.weight": torch.stack(writes, dim=1),
    }


def _step_row(writer: SsmWriter, channel: Channel, one: _Row) -> _Row:
    """The row that reads a channel's step before softplus: its gates' own rows, in place of their channels."""
    total = channel.step_bias * one
    for quantity, weight in channel.steps.items():
        for gate, part in writer.quantities[quantity].items():
            read = writer.channels[gate]
            assert dict(read.taps) == {0: 1.0}
            total = total + weight * part * (read.row + read.bias * one)
    return total if channel.writes is not None else HOLD * one


def _attention(writer: NeoxWriter) -> dict[str, Tensor]:
    tensors = writer.tensors()
    weights = tensors["attention.query_key_value.weight"].chunk(3)
    biases = tensors["attention.query_key_value.bias"].chunk(3)
    found = {
        "self_attn.o_proj.weight": tensors["attention.dense.weight"],
        "self_attn.o_proj.bias": tensors["attention.dense.bias"],
        "input_layernorm.weight": torch.full_like(biases[0], EPS**0.5 / BAMBA_QUIET),
    }
    for name, weight, bias in zip("qkv", weights, biases, strict=True):
        found |= {f"self_attn.{name}_proj.weight": weight, f"self_attn.{name}_proj.bias": bias}
    return found
