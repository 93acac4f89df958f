"""Layers by name: the built-in ones, and any class named `module:Class`."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from plait.checks import present_name, unknown

if TYPE_CHECKING:
    from torch import nn

LAYERS: Mapping[str, str] = MappingProxyType(
    {"SSM": "plait.layers.mamba:MambaLayer", "TF": "plait.layers.transformer:TransformerLayer"}
)
"""Name in a pattern -> module:Class."""

_PROTOCOL = ("forward", "init_state", "step", "state_size", "reset_parameters", "members_axis")


def layer_class(name: str) -> "type[nn.Module]":
    """The class behind a name of a pattern; a name with a colon imports its module.

    Raises:
        ValueError: unknown name, a module or class that is not there, or a class without the protocol.
    """
    if ":" not in name:
        if name not in LAYERS:
            raise ValueError(unknown("layer", name, (*LAYERS, "module:Class")))
        module_name, class_name = LAYERS[name].split(":")
        return getattr(importlib.import_module(module_name), class_name)
    from torch import nn

    module_name, class_name = present_name(name).split(":", 1)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ValueError(
            f"layer {name!r} needs a module {module_name!r} that can be imported: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"layer {name!r} needs a torch.nn.Module class {class_name!r}, got {found!r}")
    if missing := [member for member in _PROTOCOL if not hasattr(found, member)]:
        raise ValueError(f"layer {name!r} lacks {', '.join(missing)} of the layer protocol")
    return found
