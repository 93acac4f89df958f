"""What no mix of windows and recurrent states can avoid: the frontier of a task."""

from plait.theory.hybrid.closed_forms import frontier_states
from plait.theory.hybrid.curve import FrontierPoint, breakpoints, frontier, has_frontier

__all__ = ["FrontierPoint", "breakpoints", "frontier", "frontier_states", "has_frontier"]
