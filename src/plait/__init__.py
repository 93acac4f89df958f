"""plait: a laboratory for hybrid sequence models."""

from plait.model import HybridConfig, HybridLM, load
from plait.random import Stream
from plait.training import train

__all__ = ["HybridConfig", "HybridLM", "Stream", "load", "train"]
