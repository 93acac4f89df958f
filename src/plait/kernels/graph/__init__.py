"""Token mixers drawn as graphs: `draft.py` draws, `reference.py` runs them in PyTorch, `cpu.py` in compiled code."""

from plait.kernels.graph.draft import Draft
from plait.kernels.graph.drawn_signal import Signal
from plait.kernels.graph.signals import Graph

__all__ = ["Draft", "Graph", "Signal"]
