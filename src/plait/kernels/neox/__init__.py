"""The GPT-NeoX layer: `dispatch.py` chooses among `cpu.py` and `gpu.py`, `stream.py` goes on from a state."""

from plait.kernels.neox.dispatch import neox_layer, usable
from plait.kernels.neox.reference import Heads, NeoXWeights
from plait.kernels.neox.stream import Attended, neox_advance

__all__ = ["Attended", "Heads", "NeoXWeights", "neox_advance", "neox_layer", "usable"]
