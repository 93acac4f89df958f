"""plait: a laboratory for hybrid sequence models."""

from plait.model import HybridConfig, HybridLM, load
from plait.random import Stream

__all__ = ["HybridConfig", "HybridLM", "Stream", "load"]
