"""Token mixers drawn as graphs: `draft.py` draws, `dispatch.py` runs them in C++, Triton or PyTorch."""

from plait.kernels.graph.draft import Draft
from plait.kernels.graph.drawn_signal import Signal
from plait.kernels.graph.signals import Graph

__all__ = ["Draft", "Graph", "Signal"]
