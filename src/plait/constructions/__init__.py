"""Hybrids whose weights are set by hand, each with its proof (docs/theory.md, sections 6 and 7)."""

from plait.constructions.copying import CopyingLayout, selective_copying
from plait.constructions.recall import decoding_recall

__all__ = ["CopyingLayout", "decoding_recall", "selective_copying"]
