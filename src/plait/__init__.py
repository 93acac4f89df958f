"""plait: a laboratory for hybrid sequence models."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.model import HybridConfig, HybridLM, load
    from plait.random import Stream
    from plait.training import train

__all__ = ["HybridConfig", "HybridLM", "Stream", "load", "train"]

__getattr__ = on_first_use(__name__)
