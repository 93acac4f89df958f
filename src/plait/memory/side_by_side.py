"""Layers side by side of which one is a user's own: what they hold, added up."""

from dataclasses import dataclass, fields, replace

from plait.memory.block import AnyLayer, Block, Cached
from plait.memory.report import LayerMemory


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Attributes:
    kind: the layer's name in the pattern.
    sides: what stands side by side.
    """

    kind: str
    sides: tuple[AnyLayer, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(
            replace(block, side=place) for place, side in enumerate(self.sides) for block in side.blocks
        )

    def memory(self, index: int, *, cached: Cached, dtype: str) -> LayerMemory:
        """The sums over the sides."""
        held = [side.memory(index, cached=cached, dtype=dtype) for side in self.sides]
        counts = [field.name for field in fields(LayerMemory) if field.name not in ("index", "kind")]
        return LayerMemory(
            index=index, kind=self.kind, **{name: sum(getattr(one, name) for one in held) for name in counts}
        )
