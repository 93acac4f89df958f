"""A token mixer as a frozen dataclass of its options that draws itself; needs no PyTorch.

    @dataclass(frozen=True, kw_only=True)
    class Linear(Mixer):
        heads: int = 1

        def draw(self, x, spec):                    # from the normed signal to one of d_model numbers
            q, k, v = (x.linear(f"{name}_proj", spec.d_model, initial=starts.normal(0.02)) for name in "qkv")
            read = x.draft.matrix_state(heads=self.heads, d_k=spec.d_model // self.heads, q=q, w=k, v=v)
            return read.linear("o_proj", spec.d_model, initial=starts.normal(0.02))

Its parallel pass, step, state, sizes, members axis and compiled code follow (`plait.layers.drawn`).

A `ModuleMixer` is any `torch.nn.Module` as a mixer: a frozen dataclass of its options that builds it; needs no
PyTorch to be named.

    @dataclass(frozen=True, kw_only=True)
    class Recurrent(ModuleMixer):
        units: int = 8

        def build(self, spec):                      # (batch, time, d_model) -> the same, causal
            return GRUThenLinear(spec.d_model, self.units)

Norm, residual, state, step, sizes, first weights and members follow (`plait.layers.module_layer`); slower than a mixer
that is drawn (`plait.layers.mixer`) or a layer with a step of its own (`plait.layers.protocol`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from plait.checks import check_integer, unknown
from plait.kernels.graph import Draft, Graph, Signal
from plait.layers import starts
from plait.layers.spec import LayerSpec

if TYPE_CHECKING:
    from torch import nn

    from plait.layers.spec import LayerSpec


LARGEST = 2**31 - 1
"""Of a size: what a signed number of 32 bits holds."""


@dataclass(frozen=True, kw_only=True)
class Mixer:
    """What stands between norm and residual; a subclass names its paper, its options, and draws."""

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        """The answer to the normed signal `x`.

        Raises:
            ValueError: options that do not fit the dimensions.
        """
        raise NotImplementedError

    def layer(self, x: Signal, spec: LayerSpec) -> Signal:
        """Norm, mixer and residual; overridden where a paper's block is built otherwise."""
        return x + self.draw(x.rms_norm("norm", eps=spec.norm_eps, initial=starts.constant(1.0)), spec)


_Mixer = TypeVar("_Mixer", bound="Mixer | ModuleMixer")


def read_options(kind: type[_Mixer], name: str, values: Mapping[str, Any]) -> _Mixer:
    """The mixer with these options, the others at their defaults.

    Raises:
        ValueError: an option that it does not have, or a value that it refuses.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for option in values:
        if option not in known:
            raise ValueError(unknown(f"option of layer {name}", option, known))
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"layer {name}: {error}") from error


@functools.lru_cache(maxsize=1024)  # mixers by dimensions, of all models of one process
def graph_of(mixer: Mixer, spec: LayerSpec) -> Graph:
    """The graph of a layer; the same object for equal arguments.

    Raises:
        ValueError: options that do not fit the dimensions.
    """
    draft = Draft(spec.d_model)
    return draft.finish(mixer.layer(draft.input, spec))


def graph_with(kind: type[Mixer], name: str, spec: LayerSpec) -> Graph:
    """The graph of a layer whose options stand in its dimensions.

    Raises:
        ValueError: options that it does not have, or that do not fit, with the layer's name.
    """
    mixer = read_options(kind, name, spec.options)
    try:
        return graph_of(mixer, spec)
    except ValueError as error:
        raise ValueError(f"layer {name}: {error}") from error


def check_sizes(mixer: Mixer, *names: str) -> None:
    """Whole numbers of at least 1, or None where the default is.

    Raises:
        ValueError: another value.
    """
    for name in names:
        value = getattr(mixer, name)
        if value is not None:
            check_integer(name, value, least=1, most=LARGEST)


def check_flags(mixer: Mixer, *names: str) -> None:
    """Raises:
    ValueError: an option that is neither true nor false.
    """
    for name in names:
        if not isinstance(value := getattr(mixer, name), bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")


def divided(what: str, width: int, heads: int) -> int:
    """A head's share of a width.

    Raises:
        ValueError: heads do not divide it.
    """
    if width % heads:
        raise ValueError(f"{what} must be divisible by heads, got {what} {width} and heads {heads}")
    return width // heads


def fewest_heads(width: int, *, widest: int) -> int:
    """The least number of equal heads none of which is wider than `widest`."""
    return next(heads for heads in range(1, width + 1) if width % heads == 0 and width // heads <= widest)


@dataclass(frozen=True, kw_only=True)
class ModuleMixer:
    """What builds the module between norm and residual; a subclass names its source and its options.

    Attributes:
        together: whether members run as one, through `torch.func.vmap`: faster, and each is then what it is alone to
            rounding only. Without it they run in turn, and each is what it is alone to the last bit.
    """

    together: ClassVar[bool] = False

    def build(self, spec: LayerSpec) -> nn.Module:
        """The module, with its first weights; called with `(batch, time, d_model)` it gives the same shape.

        Raises:
            ValueError: options that do not fit the dimensions.
        """
        raise NotImplementedError
