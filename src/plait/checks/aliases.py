"""Names under which classes and functions are stored, where they have moved since.

A member's identity holds the name of its task, its layers and its start weights. Whatever moves keeps the name that it
was stored under, so that its members are found; the old name finds it where it is now.
"""

from collections.abc import Mapping
from types import MappingProxyType

MOVED: Mapping[str, str] = MappingProxyType(
    {
        "plait.experiments.paper.basin:sharp_recall": "plait.paper.basin:sharp_recall",
        "plait.experiments.paper.skewed_copying:SkewedCopying": "plait.paper.skewed_copying:SkewedCopying",
    }
)
"""Stored name -> where it is now, both as `module:name`."""


def stored_name(name: str, moved: Mapping[str, str] = MOVED) -> str:
    """The name that identities and rows hold for what is now at `name`."""
    return next((stored for stored, now in moved.items() if now == name), name)


def present_name(name: str, moved: Mapping[str, str] = MOVED) -> str:
    """Where what is stored as `name` is now."""
    return moved.get(name, name)
