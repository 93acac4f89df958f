"""The Mamba-1 layer: `dispatch.py` chooses among `cpu.py` and `gpu.py`, `stream.py` goes on from a state."""

from plait.kernels.mamba.dispatch import mamba_layer, usable
from plait.kernels.mamba.stream import mamba_advance
from plait.kernels.mamba.weights import MambaWeights

__all__ = ["MambaWeights", "mamba_advance", "mamba_layer", "usable"]
