"""Layers with weights that no initialisation would give: every term of every equation then shows."""

from typing import Any

import torch
from torch import Tensor, nn

from plait.layers import LayerSpec, MambaLayer, TransformerLayer
from plait.model import HybridConfig


def spec(**changes: Any) -> LayerSpec:
    """The spec that a one-layer config gives."""
    return HybridConfig(5, **({"pattern": "TF", "d_model": 8} | changes)).layer_specs()[0]


def fill(layer: nn.Module, seed: int) -> None:
    """Independent weights of a size that keeps activations near one, on every parameter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            draw = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            centre = 1.0 if name.endswith("norm.weight") else 0.0
            parameter.copy_(centre + 0.5 * draw)


def mamba(dtype: torch.dtype = torch.float64, *, seed: int = 0, **changes: Any) -> MambaLayer:
    layer = MambaLayer(spec(pattern="SSM", **changes)).to(dtype)
    fill(layer, seed)
    return layer


def transformer(dtype: torch.dtype = torch.float64, *, seed: int = 0, **changes: Any) -> TransformerLayer:
    layer = TransformerLayer(spec(**changes)).to(dtype)
    fill(layer, seed)
    return layer


def inputs(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
