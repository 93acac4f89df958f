"""Hybrids whose weights are set by hand, each with its proof (docs/theory.md, sections 6 and 7)."""

from plait.constructions.copying import CopyingLayout, selective_copying

__all__ = ["CopyingLayout", "selective_copying"]
