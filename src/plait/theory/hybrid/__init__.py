"""What no mix of windows and recurrent states can avoid: the frontier of a task."""

from plait.theory.hybrid.curve import FrontierPoint, breakpoints, frontier, has_frontier
from plait.theory.states import frontier_states

__all__ = ["FrontierPoint", "breakpoints", "frontier", "frontier_states", "has_frontier"]
