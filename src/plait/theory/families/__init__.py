"""Families of contents that the tasks force a model to keep apart."""

from plait.theory.families.catalogue import families, has_family
from plait.theory.families.family import Family, Suffixes

__all__ = ["Family", "Suffixes", "families", "has_family"]
