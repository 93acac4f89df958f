"""Layers that go on from a state, in compiled code for the CPU: one token or many, of one sequence or thousands."""

from plait.kernels.streams.layers import Attended, Batch, mamba_advance, transformer_advance, usable
from plait.kernels.streams.tiles import LANES, Answers, embed, head, tiles

__all__ = [
    "LANES",
    "Answers",
    "Attended",
    "Batch",
    "embed",
    "head",
    "mamba_advance",
    "tiles",
    "transformer_advance",
    "usable",
]
