"""The GPT-NeoX layer: `dispatch.py` calls C++ or `gpu.py`, from the start of sequences or on from a state."""

from plait.kernels.neox.dispatch import Attended, neox_advance, neox_layer, usable
from plait.kernels.neox.reference import Heads, NeoXWeights

__all__ = ["Attended", "Heads", "NeoXWeights", "neox_advance", "neox_layer", "usable"]
