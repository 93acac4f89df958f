"""Bounds for a task of which only the targets are known."""

from plait.theory.search.automaton import NotFiniteStateError, find_counting
from plait.theory.search.found import find_reach, find_state_bits

__all__ = ["NotFiniteStateError", "find_counting", "find_reach", "find_state_bits"]
