"""The hybrid model: its config, its passes, its files."""

from plait.model.checkpoint import load, save
from plait.model.config import HybridConfig
from plait.model.hybrid import HybridLM, ModelState
from plait.model.initial import initial_parameters
from plait.model.pattern import expand_pattern

__all__ = ["HybridConfig", "HybridLM", "ModelState", "expand_pattern", "initial_parameters", "load", "save"]
