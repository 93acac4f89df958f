"""What every subspace of a compiled model must hold on given tokens, by which lemma, and how nearly."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.compiler.bounds import Bounds
from plait.compiler.demands import root_of
from plait.compiler.layout import Layout
from plait.compiler.lookups import AtDistance, Earliest, Latest, Mean, Previous
from plait.compiler.one_kind_alone import Keyed
from plait.compiler.pointwise import Product, Token, ValueTable
from plait.compiler.program import places
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.schedule import SSM, TF
from plait.compiler.statement import Statement, looked_up
from plait.compiler.values import amounts_of
from plait.constructions.plan import Holding

Places = Mapping[Statement, Int[Tensor, "*batch time"]]

LEMMAS: dict[tuple[type[Statement], str], str] = {
    (Lag, SSM): "12.4",
    (ValueTable, SSM): "12.4",
    (Hold, SSM): "12.5",
    (Count, SSM): "12.6",
    (Since, SSM): "12.6",
    (BitRegister, SSM): "12.7",
    (Product, SSM): "12.8",
    (Keyed, SSM): "12.13",
    (ValueTable, TF): "12.3",
    (AtDistance, TF): "12.9",
    (Previous, TF): "12.9",
    (Latest, TF): "12.10",
    (Earliest, TF): "12.10",
    (Mean, TF): "12.12",
}
"""Which lemma says what a statement holds, by the layer that makes it."""


def held(layout: Layout, exact: Bounds, tokens: Int[Tensor, "*batch time"]) -> tuple[Holding, ...]:
    """Every subspace behind the embedding and behind every layer.

    Args:
        exact: the bounds of exact arithmetic.
    """
    token = layout.lowered.token
    values = places(tokens, token, *(one for layer in layout.layers for one in layer.makes))
    found: list[Holding] = []
    for layer in range(len(layout.layers) + 1):
        last = layer == len(layout.layers)
        made = [one for before in layout.layers[:layer] for one in before.makes]
        for statement in made if last else [token, *made]:
            if layout.stream.names[statement]:
                found += _of_base(layout, statement, values, layer, exact.errors[layer][statement])
    return (*found, *_of_answer(layout, exact, values))


def answer_stretch(layout: Layout) -> float:
    """By how much an error of the answer's code may be larger in the columns that hold it."""
    return float(layout.stream.weights(layout.lowered.token, layout.stream.answer_code).norm())


def _of_base(
    layout: Layout, statement: Statement, values: Places, layer: int, tolerance: float
) -> list[Holding]:
    stream, last = layout.stream, layer == len(layout.layers)
    kind = next((made.kind for made in layout.layers if statement in made.makes), "")
    lemma = "12.1" if isinstance(statement, Token) else LEMMAS[type(statement), kind]
    expected, known = _expected(layout, statement, values)
    return [
        Holding(layer=layer, subspace=name, lemma=lemma, expected=part, known=known, tolerance=tolerance)
        for name, part in _parts(layout, statement, expected)
        if ((left := stream.left(statement, name)) is None or left.layer > layer)
        and not (last and name in stream.names[layout.lowered.token])
    ]


def _parts(layout: Layout, statement: Statement, whole: Tensor) -> list[tuple[str, Tensor]]:
    """A base's vector by the subspaces that hold it."""
    names = layout.stream.names[statement]
    widths = [layout.stream.residual.width(name) for name in names]
    return list(zip(names, whole.split(widths, dim=-1), strict=True))


def _expected(
    layout: Layout, statement: Statement, values: Places
) -> tuple[Float[Tensor, "*batch time width"], Bool[Tensor, "*batch time"]]:
    """What a base's vector is, and where it is known."""
    place = values[statement]
    everywhere = torch.ones_like(place, dtype=torch.bool)
    if isinstance(statement, Count | Since | BitRegister):
        read = places(values[layout.lowered.token], *statement.inputs)
        columns = [read[signal] for signal in statement.inputs]
        scale = layout.book.scale(statement)
        if isinstance(statement, BitRegister):
            bits = looked_up(amounts_of(statement.inputs[0].domain, statement.kind), columns[0])
            return scale * layout.book.register(statement.n_bits).numbers(bits, bits >= 0), everywhere
        return scale * statement.totals(*columns).double().unsqueeze(-1), everywhere
    points = layout.stream.bases[statement]
    clean = isinstance(statement, Token) or (not statement.loose and layout.planned[0][statement].clean)
    known = everywhere if clean else place >= 0
    if statement.numeric and not isinstance(statement, Mean | Product):
        # Carried numbers: neither a register's older bits are known here, nor how far a count has left its range.
        inner = (place > 0) & (place < len(points) - 1)
        known = known & inner if not isinstance(root_of(statement), BitRegister) else ~everywhere
    return torch.cat((points, torch.zeros_like(points[:1])))[place], known


def _of_answer(layout: Layout, exact: Bounds, values: Places) -> list[Holding]:
    """The token's own columns with the answer's on top."""
    stream, token, answer = layout.stream, layout.lowered.token, layout.lowered.answer
    code = layout.book.answer(answer.domain)
    added = torch.cat((code, torch.zeros_like(code[:1])))[values[answer]]
    weights = stream.weights(token, stream.answer_code)
    parts, known, answered = [], [], values[answer] >= 0
    for name, own in _parts(layout, token, stream.bases[token][values[token]]):
        part, certain = _last_held(layout, token, name, own, values)
        parts.append(part)
        known.append(answered & certain)
    expected = torch.cat(parts, dim=-1) + layout.gain * added @ weights.T
    behind = [exact.errors[-1][base] for base in (token, *(one.new for one in stream.taken))]
    tolerance = max(behind) + layout.gain * exact.answer * answer_stretch(layout)
    return [
        Holding(
            layer=len(layout.layers), subspace=name, lemma="12.15", expected=part, known=certain, tolerance=tolerance,
        )
        for (name, part), certain in zip(_parts(layout, token, expected), known, strict=True)
    ]  # fmt: skip


def _last_held(
    layout: Layout, base: Statement, name: str, own: Tensor, values: Places
) -> tuple[Tensor, Bool[Tensor, "*batch time"]]:
    """What stands in one of the token's subspaces before the answer, and where that is known."""
    certain = torch.ones(own.shape[:-1], dtype=torch.bool)
    while (left := layout.stream.left(base, name)) is not None:
        base = left.new
        whole, certain = _expected(layout, base, values)
        own = dict(_parts(layout, base, whole))[name]
    return own, certain
