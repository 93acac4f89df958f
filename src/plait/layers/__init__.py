"""Layers of a hybrid: each is a norm, a mixer and a residual, run over all positions or one at a time."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.layers.mixer import Mixer
from plait.layers.registry import LAYERS, layer_class
from plait.layers.spec import LayerSpec

if TYPE_CHECKING:
    from plait.layers.drawn import DrawnLayer
    from plait.layers.mamba import MambaLayer
    from plait.layers.mixer import ModuleMixer
    from plait.layers.protocol import Layer, State
    from plait.layers.transformer import TransformerLayer

__all__ = [
    "LAYERS",
    "DrawnLayer",
    "Layer",
    "LayerSpec",
    "MambaLayer",
    "Mixer",
    "ModuleMixer",
    "State",
    "TransformerLayer",
    "layer_class",
]

__getattr__ = on_first_use(__name__)
