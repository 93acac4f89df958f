"""The built-in mixers with sizes and options that reach every branch of what they draw."""

from typing import Any

import layer_cases
import torch

from plait.layers import DrawnLayer, layer_class
from plait.layers.registry import MIXERS
from plait.model import HybridConfig

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("Mamba2", {}, {"d_model": 16}),
    ("Mamba2", {"heads": 4, "groups": 2}, {"d_model": 8, "d_state": 5, "d_conv": 2}),
    ("GDN", {}, {"d_model": 16}),
    ("GDN", {"heads": 4, "key_heads": 2, "d_k": 3, "d_v": 5, "beta_to": 2}, {"d_model": 6, "d_conv": 1}),
    ("DeltaNet", {"output_gate": True}, {"d_model": 8}),
    ("DeltaNet", {"heads": 3, "d_v": 5, "beta_to": 2}, {"d_model": 6}),
    ("KDA", {}, {"d_model": 8}),
    ("KDA", {"heads": 2, "d_k": 3, "d_v": 5}, {"d_model": 7}),
    ("GLA", {}, {"d_model": 8}),
    ("GLA", {"heads": 2, "d_k": 3, "d_v": 5, "rank": 2}, {"d_model": 7}),
    ("Retention", {"heads": 2}, {"d_model": 8}),
    ("Retention", {"heads": 3, "d_k": 2, "d_v": 4, "decay": [0.5, 1.0, 0.9]}, {"d_model": 7}),
    ("RWKV7", {}, {"d_model": 16}),
    ("RWKV7", {"heads": 2, "rank": 3}, {"d_model": 6}),
    ("MLSTM", {}, {"d_model": 8}),
    ("MLSTM", {"heads": 2, "d_k": 3, "d_v": 5}, {"d_model": 7}),
    ("RGLRU", {}, {"d_model": 8}),
    ("RGLRU", {"width": 12, "heads": 3}, {"d_model": 7, "d_conv": 2}),
    ("ShortConv", {}, {"d_model": 8}),
    ("ShortConv", {"taps": 1}, {"d_model": 5}),
    ("Attention", {}, {"d_model": 8, "rotary_fraction": 1.0}),
    (
        "Attention",
        {"heads": 4, "kv_heads": 2, "qk_norm": True, "output_gate": True},
        {"d_model": 16, "window": 9, "rotary_fraction": 0.5},
    ),
    ("Attention", {"heads": 3, "positions": "alibi"}, {"d_model": 6}),
    ("Attention", {"heads": 4, "positions": "hard-alibi"}, {"d_model": 8, "window": 20}),
    ("Attention", {"heads": 2, "kv_heads": 1, "positions": "none"}, {"d_model": 6, "window": 1}),
    ("MLP", {}, {"d_model": 8}),
    ("MLP", {"units": 5, "gated": False}, {"d_model": 6}),
]
"""Name, its own options, fields of the config."""

assert {name for name, _, _ in CASES} == set(MIXERS), "every mixer has a case"


def config(name: str, options: dict[str, Any], changes: dict[str, Any]) -> HybridConfig:
    return HybridConfig(5, pattern=name, options={name: options}, **changes)


def made(
    name: str,
    options: dict[str, Any],
    changes: dict[str, Any],
    dtype: torch.dtype = torch.float64,
    *,
    seed: int = 0,
) -> DrawnLayer:
    """A layer with weights that no initialisation would give."""
    layer = layer_class(name)(config(name, options, changes).layer_specs()[0]).to(dtype)
    assert isinstance(layer, DrawnLayer)
    layer_cases.fill(layer, seed)
    return layer
