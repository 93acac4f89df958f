"""Layers side by side: what `(SSM|TF)` in a pattern is made of; needs no PyTorch."""

from dataclasses import dataclass, replace

from plait.layers.spec import NONE, LayerSpec

MOST_SIDES = 16

APART = 4097
"""Added to a layer's index, and to the step of its initial weights, for every further side: more than a model has."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the layers that stand side by side; a layer that stands alone is its own only side.

    Attributes:
        name: in the pattern.
        spec: its dimensions; of further sides the index is that of the place, plus `APART` for each, so that no two
            draw the same zeros of dropout.
    """

    name: str
    spec: LayerSpec


def is_side_by_side(name: str) -> bool:
    """Whether a layer's name in an expanded pattern stands for several, as `(SSM|TF)` does."""
    return name.startswith("(")


def joined(names: tuple[str, ...]) -> str:
    """The name of layers side by side."""
    return f"({'|'.join(names)})"


def sides(name: str) -> tuple[str, ...]:
    """The layers that a name stands for: of `(SSM|TF)` both, of `SSM` itself."""
    return tuple(name[1:-1].split("|")) if is_side_by_side(name) else (name,)


def sides_of(name: str, spec: LayerSpec) -> tuple[Side, ...]:
    """The layers that a name stands for with their dimensions; the options of `(A|B)` are one mapping a side."""
    if not is_side_by_side(name):
        return (Side(name=name, spec=spec),)
    return tuple(
        Side(
            name=side,
            spec=replace(spec, index=spec.index + APART * place, options=spec.options.get(side, NONE)),
        )
        for place, side in enumerate(sides(name))
    )
