"""Weights as a file stores them: which matrices are packed into how many bits."""

from collections.abc import Callable
from dataclasses import dataclass

from plait.memory.block import AnyLayer, Block
from plait.memory.formats import Number, bits_of, whole_bytes

OUTSIDE = -1
"""In place of a layer's index, for what stands outside the layers."""

Bits = Callable[[Block, int], Number | None]
"""Of a part of a layer: bits of one entry of its matrices; None where they are not packed."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the matrices of linear maps are stored.

    Args:
        label: the format, for people.
        bits: what it makes of a part; None where the format is named but not understood.
        table_bits: of an entry of the embedding; None = as the rest of the model.
        kv_bits: of a cached key or value, if the file says so.
        notes: what a reader of the figures must know.
    """

    label: str
    bits: Bits | None
    table_bits: Number | None = None
    kv_bits: Number | None = None
    notes: tuple[str, ...] = ()

    def weight_bytes(
        self, layers: tuple[AnyLayer, ...], outside: tuple[Block, ...], *, dtype: str
    ) -> int | None:
        """Bytes of all weights, those that are not packed in `dtype`; None where the format is not understood."""
        if self.bits is None:
            return None
        plain: Number = bits_of(dtype)
        total: Number = 0
        parts = [(block, i) for i, layer in enumerate(layers) for block in layer.blocks]
        for block, index in (*parts, *((block, OUTSIDE) for block in outside)):
            bits = self.bits(block, index)
            packed = block.packable if bits is not None else 0
            if block.lookup and not block.matrices and self.table_bits is not None:
                bits, packed = self.table_bits, block.weights
            total += packed * (bits or 0) + (block.weights - packed) * plain
        return whole_bytes(total)


def uniform_packing(name: str) -> Packing:
    """The matrices of all layers in one format, everything else (tables, answers, norms, routers) as it is."""
    bits = bits_of(name)
    return Packing(label=name, bits=lambda block, index: None if index == OUTSIDE else bits)
