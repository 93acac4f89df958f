"""Layers of a hybrid: each is a norm, a mixer and a residual, run over all positions or one at a time."""

from plait.layers.mamba import MambaLayer
from plait.layers.protocol import Layer, State
from plait.layers.registry import LAYERS, layer_class
from plait.layers.spec import LayerSpec
from plait.layers.transformer import TransformerLayer

__all__ = ["LAYERS", "Layer", "LayerSpec", "MambaLayer", "State", "TransformerLayer", "layer_class"]
