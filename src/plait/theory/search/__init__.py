"""Bounds for a task of which only the targets are known.

Numbers of rows, texts, tries and rounds, lengths that are tried, and shares that a guess must reach are effort: chosen
by trying on the tasks of plait and of the field, and part of no proof. What is found by them is measured on fresh
contents, and checked by a certificate that does not know them.
"""

from plait.theory.search.automaton import NotFiniteStateError, find_counting
from plait.theory.search.found import best_state_bits, find_reach, find_state_bits

__all__ = ["NotFiniteStateError", "best_state_bits", "find_counting", "find_reach", "find_state_bits"]
