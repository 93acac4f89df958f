"""The Mamba-1 layer: `dispatch.py` calls C++ or `gpu.py`, from the start of sequences or on from a state."""

from plait.kernels.mamba.dispatch import mamba_advance, mamba_layer, usable
from plait.kernels.mamba.reference import MambaWeights

__all__ = ["MambaWeights", "mamba_advance", "mamba_layer", "usable"]
