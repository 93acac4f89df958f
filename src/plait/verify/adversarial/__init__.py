"""Inputs made to break a model: for each task what its construction, or a shortcut, would stumble over."""

from plait.verify.adversarial.suite import Case, suite

__all__ = ["Case", "suite"]
