"""Layers by name: the built-in ones, and any class named `module:Class`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from plait.checks import resolve, shortened, unknown
from plait.kernels.graph import Graph
from plait.layers.mixer import Mixer, graph_with
from plait.layers.spec import LayerSpec, Options, is_side_by_side, sides, sides_of

if TYPE_CHECKING:
    from torch import nn

    from plait.layers.mixer import ModuleMixer

HF = "hf:"
"""Before the name of a family of transformers (`plait.layers.hf`)."""

MIXERS: Mapping[str, str] = MappingProxyType(
    {
        "Mamba2": "plait.layers.linear_attention:Mamba2",
        "GDN": "plait.layers.delta_rule:GDN",
        "KDA": "plait.layers.delta_rule:KDA",
        "DeltaNet": "plait.layers.delta_rule:DeltaNet",
        "GLA": "plait.layers.linear_attention:GLA",
        "Retention": "plait.layers.linear_attention:Retention",
        "RWKV7": "plait.layers.delta_rule:RWKV7",
        "MLSTM": "plait.layers.linear_attention:MLSTM",
        "RGLRU": "plait.layers.gated:RGLRU",
        "ShortConv": "plait.layers.gated:ShortConv",
        "MLP": "plait.layers.gated:MLP",
        "Attention": "plait.layers.softmax:Attention",
    }
)
"""Name in a pattern -> module:Class of a mixer that draws itself (`plait.layers.mixer`)."""

LAYERS: Mapping[str, str] = MappingProxyType(
    {"SSM": "plait.layers.mamba:MambaLayer", "TF": "plait.layers.transformer:TransformerLayer"} | MIXERS
)
"""Name in a pattern -> module:Class."""

_PROTOCOL = ("forward", "init_state", "step", "state_size", "reset_parameters", "members_axis")


def layer_class(name: str) -> "type[nn.Module]":
    """The class behind a name of a pattern, `(SSM|TF)` among them.

    A name with a colon is found as `plait.checks.resolve` says.

    Raises:
        ValueError: unknown name, a module or class that is not there, or a class without the protocol.
    """
    if is_side_by_side(name):
        from plait.layers.parallel import side_by_side

        return side_by_side(sides(name), tuple(layer_class(side) for side in sides(name)))
    if name.startswith(HF):
        from plait.layers.hf import hf_mixer
        from plait.layers.module_layer import layer_around

        return layer_around(hf_mixer(name))
    if ":" not in name:
        if name not in LAYERS:
            raise ValueError(unknown("layer", name, (*LAYERS, "module:Class")))
        name = LAYERS[name]
    found: Any = resolve(
        name, "layer", wanted="torch.nn.Module, Mixer or ModuleMixer class", accepts=_is_layer_class
    )
    if is_mixer(found):
        from plait.layers.drawn import drawn

        return drawn(found)
    if _is_module_mixer(found):
        from plait.layers.module_layer import layer_around

        return layer_around(found)
    if missing := [member for member in _PROTOCOL if not hasattr(found, member)]:
        raise ValueError(f"layer {name!r} lacks {', '.join(missing)} of the layer protocol")
    return found


def mixer_class(name: str) -> type[Mixer]:
    """The class behind a name of `MIXERS`; imports no PyTorch."""
    found = resolve(MIXERS[name], "layer", wanted="Mixer class", accepts=is_mixer)
    assert is_mixer(found)
    return found


def checked_options(values: object, layers: Iterable[str]) -> Options | None:
    """The options of a config, by names of layers in its pattern; None where all are defaults.

    Raises:
        ValueError: no mapping of mappings, or options of a layer that the pattern does not have or that takes none.
    """
    if values is None:
        return None
    form = 'options must be a JSON object such as {"GDN": {"heads": 2}}, got '
    if not isinstance(values, Mapping):
        raise ValueError(form + shortened(values))
    chosen: dict[str, Options] = {}
    present = tuple(dict.fromkeys(side for name in layers for side in sides(name)))
    for name, own in cast(Mapping[str, Any], values).items():
        if name not in present:
            raise ValueError(f"options: {unknown('layer', name, present)}")
        if not isinstance(own, Mapping):
            raise ValueError(form + shortened(cast(object, values)))
        if own and name in LAYERS and name not in MIXERS:
            listed = ", ".join(map(str, cast(Mapping[str, Any], own)))
            raise ValueError(f"layer {name} has no options of its own, got {listed}")
        if own:
            chosen[name] = Options(cast(Mapping[str, Any], own))
    return Options(chosen) if chosen else None


def check_mixers(layers: Iterable[tuple[str, LayerSpec]]) -> None:
    """Refuse built-in mixers whose options do not fit.

    Raises:
        ValueError: in one line, which layer and why.
    """
    for name, spec in dict.fromkeys(
        (side.name, replace(side.spec, index=0))
        for named, wanted in layers
        for side in sides_of(named, wanted)
        if side.name in MIXERS
    ):
        mixer_graph(name, spec)


def mixer_graph(name: str, spec: LayerSpec) -> Graph:
    """The graph of a built-in mixer.

    Raises:
        ValueError: options that it does not have, or that do not fit the dimensions.
    """
    return graph_with(mixer_class(name), name, spec)


def is_mixer(value: object) -> TypeGuard[type[Mixer]]:
    """Whether it is a class derived from `Mixer`."""
    return isinstance(value, type) and issubclass(value, Mixer) and value is not Mixer


def _is_module_mixer(value: object) -> "TypeGuard[type[ModuleMixer]]":
    from plait.layers.mixer import ModuleMixer

    return isinstance(value, type) and issubclass(value, ModuleMixer) and value is not ModuleMixer


def _is_layer_class(value: object) -> bool:
    from torch import nn

    return (
        is_mixer(value)
        or _is_module_mixer(value)
        or (isinstance(value, type) and issubclass(value, nn.Module))
    )
