"""Dropout of entries of a stream: `dispatch.py` calls C++, `gpu.py` or `reference.py`; masks for other kernels."""

from plait.kernels.dropout.dispatch import dropout, usable
from plait.kernels.dropout.reference import Drops

__all__ = ["Drops", "dropout", "usable"]
