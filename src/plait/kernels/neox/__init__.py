"""The GPT-NeoX layer: `dispatch.py` chooses among `cpu.py` and `gpu.py`; `cpu.py` goes on from a state as well."""

from plait.kernels.neox.cpu import Attended, neox_advance
from plait.kernels.neox.dispatch import neox_layer, usable
from plait.kernels.neox.reference import Heads, NeoXWeights

__all__ = ["Attended", "Heads", "NeoXWeights", "neox_advance", "neox_layer", "usable"]
