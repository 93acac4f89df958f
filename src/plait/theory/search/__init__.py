"""Bounds for a task of which only the targets are known."""

from plait.theory.search.automaton import NotFiniteStateError, find_counting
from plait.theory.search.reach import find_reach
from plait.theory.search.state_bits import find_state_bits

__all__ = ["NotFiniteStateError", "find_counting", "find_reach", "find_state_bits"]
