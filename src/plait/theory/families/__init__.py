"""Families of contents that the tasks force a model to keep apart."""

from plait.theory.families.catalogue import families, has_family
from plait.theory.families.family import StateFamily, Suffixes

__all__ = ["StateFamily", "Suffixes", "families", "has_family"]
