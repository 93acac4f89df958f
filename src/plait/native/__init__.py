"""The compiled part: one shared library, built on first use where a C++ compiler is at hand, and Triton's kernels."""

from plait.native import library

__all__ = ["library"]
