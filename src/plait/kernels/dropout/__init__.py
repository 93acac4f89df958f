"""Dropout of entries of a stream: `dispatch.py` chooses among `cpu.py` and `gpu.py`; masks for other kernels."""

from plait.kernels.dropout.dispatch import dropout, usable
from plait.kernels.dropout.reference import Drops

__all__ = ["Drops", "dropout", "usable"]
