"""The Mamba-1 layer: `dispatch.py` chooses among `cpu.py` and `gpu.py`; `cpu.py` goes on from a state as well."""

from plait.kernels.mamba.cpu import mamba_advance
from plait.kernels.mamba.dispatch import mamba_layer, usable
from plait.kernels.mamba.reference import MambaWeights

__all__ = ["MambaWeights", "mamba_advance", "mamba_layer", "usable"]
