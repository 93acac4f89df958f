"""What a compiled model does where, and why, in words: one line a statement."""

from dataclasses import dataclass

from plait.compiler.layout import Layout
from plait.compiler.lookups import AtDistance, Fetch, Match, Mean, Previous
from plait.compiler.one_kind_alone import Keyed
from plait.compiler.pointwise import Product, ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.schedule import SSM, TF
from plait.compiler.ssm_op import SsmOp
from plait.compiler.statement import Statement
from plait.compiler.tf_ops import Steps


@dataclass(frozen=True, kw_only=True)
class Note:
    """Where one statement is made.

    Args:
        layer: 0 for the embedding.
        kind: of the layer.
        statement: its name and line.
        how: by what.
        subspace: that hold it, with their widths; empty for what is written into the answer alone.
        why: what decided the layer.
    """

    layer: int
    kind: str
    statement: str
    how: str
    subspace: str
    why: str

    def text(self) -> str:
        held = f", held in {self.subspace}" if self.subspace else ""
        why = f"; {self.why}" if self.why else ""
        place = "embedding" if self.layer == 0 else f"layer {self.layer}, {self.kind}"
        return f"{place}: {self.statement}: {self.how}{held}{why}"


def notes(layout: Layout) -> tuple[Note, ...]:
    """Every statement in the order of the layers."""
    stream, token = layout.stream, layout.lowered.token
    found = [
        Note(
            layer=0, kind="", statement="token", how="a column for everything that is read of it",
            subspace=_subspaces(layout, token), why="",
        )
    ]  # fmt: skip
    for index, layer in enumerate(layout.layers):
        for statement in layer.makes:
            answer = " with gain, into the tokens' code" if statement is layout.lowered.answer else ""
            found.append(
                Note(
                    layer=index + 1,
                    kind=layer.kind,
                    statement=layout.lowered.called(statement),
                    how=_how(layout, statement, layer.kind) + answer,
                    subspace=_subspaces(layout, statement) if stream.names[statement] else "",
                    why=_why(layout, statement, index),
                )
            )
    return tuple(found)


def _subspaces(layout: Layout, statement: Statement) -> str:
    residual = layout.stream.residual
    return ", ".join(f"'{name}' ({residual.width(name)})" for name in layout.stream.names[statement])


def _how(layout: Layout, statement: Statement, kind: str) -> str:
    match statement:
        case Lag():
            return f"the convolution, {statement.distance} back" if statement.distance else "carried over"
        case Keyed():
            return f"a state for each of {len(statement.keys)} keys, overwritten at its key and read at its query"
        case Hold():
            return "a state that is overwritten where the gate is open"
        case Count() | Since():
            return "a state that adds up"
        case BitRegister():
            n_states = len(layout.book.register(statement.n_bits).decays)
            return "a decaying state" if n_states == 1 else f"{n_states} decaying states"
        case Product():
            return "the gate times a channel"
        case ValueTable():
            op = layout.planned[0][statement]
            stairs = (
                op.stairs if isinstance(op, Steps) else op.fed[0].staircase if isinstance(op, SsmOp) else None
            )
            where = "channels" if kind == SSM else "MLP units"
            return f"a staircase of {0 if stairs is None else stairs.n_units} {where}"
        case AtDistance():
            return f"attention at the distance held, window {layout.turns.window(statement)}"
        case Previous():
            return f"attention {statement.distance} back"
        case Match():
            which = "earliest" if statement.earliest else "latest"
            return f"attention to the {which} match, window {layout.turns.window(statement)}"
        case Mean():
            return f"attention with equal scores, window {layout.turns.window(statement)}"
        case _:
            return statement.kind


def _why(layout: Layout, statement: Statement, index: int) -> str:
    """The input that came last, or the head that was taken."""
    before = layout.layers[:index]
    made = {one: place for place, layer in enumerate(before) for one in layer.makes}
    late = [one for one in statement.inputs if one in made]
    if late:
        last = max(late, key=made.__getitem__)
        if made[last] == index - 1:
            return f"after {layout.lowered.called(last)}"
    if isinstance(statement, Fetch | Mean):
        taken = [layer for layer in before if layer.kind == TF and layer.fetches]
        if taken:
            other = layout.lowered.called(taken[-1].fetches[0])
            return f"a layer of its own, since the head before it looks for {other}"
    return ""
