"""The hybrid model: its config, its passes, its files."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.model.config import HybridConfig
from plait.model.pattern import expand_pattern

if TYPE_CHECKING:
    from plait.model.checkpoint import load, save
    from plait.model.hybrid import HybridLM, ModelState
    from plait.model.initial import initial_parameters

__all__ = ["HybridConfig", "HybridLM", "ModelState", "expand_pattern", "initial_parameters", "load", "save"]

__getattr__ = on_first_use(__name__)
