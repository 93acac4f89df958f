"""The short causal convolution of each channel, with or without SiLU behind: `reference.py` plain, `gpu.py` for wide
models."""

from plait.kernels.short_convolution.reference import short_convolution

__all__ = ["short_convolution"]
