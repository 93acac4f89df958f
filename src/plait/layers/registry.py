"""Layers by name: the built-in ones, and any class named `module:Class`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from plait.checks import resolve, unknown

if TYPE_CHECKING:
    from torch import nn

LAYERS: Mapping[str, str] = MappingProxyType(
    {"SSM": "plait.layers.mamba:MambaLayer", "TF": "plait.layers.transformer:TransformerLayer"}
)
"""Name in a pattern -> module:Class."""

_PROTOCOL = ("forward", "init_state", "step", "state_size", "reset_parameters", "members_axis")


def layer_class(name: str) -> "type[nn.Module]":
    """The class behind a name of a pattern; one with a colon is found as `plait.checks.resolve` says.

    Raises:
        ValueError: unknown name, a module or class that is not there, or a class without the protocol.
    """
    if ":" not in name:
        if name not in LAYERS:
            raise ValueError(unknown("layer", name, (*LAYERS, "module:Class")))
        name = LAYERS[name]
    found: Any = resolve(name, "layer", wanted="torch.nn.Module class", accepts=_is_module_class)
    if missing := [member for member in _PROTOCOL if not hasattr(found, member)]:
        raise ValueError(f"layer {name!r} lacks {', '.join(missing)} of the layer protocol")
    return found


def _is_module_class(value: object) -> bool:
    from torch import nn

    return isinstance(value, type) and issubclass(value, nn.Module)
