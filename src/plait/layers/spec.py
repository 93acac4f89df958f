"""What a layer is told: the dimensions that a model's config gives one layer, and the options of its kind.

Also what `(SSM|TF)` in a pattern is made of, layers side by side. Needs no PyTorch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from plait.layers.rope import turning_dimensions


class Options(Mapping[str, Any]):
    """A mapping from names to values (or to further mappings) that never changes and can be hashed."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {str(name): _frozen(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return repr(self._values)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {name: _thawed(value) for name, value in self._values.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value if isinstance(value, Options) else Options(cast(Mapping[str, Any], value))
    return tuple(map(_frozen, cast(list[Any], value))) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Options):
        return value.to_json()
    return list(map(_thawed, cast(tuple[Any, ...], value))) if isinstance(value, tuple) else value


NONE = Options({})


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """Dimensions of one layer, checked where they are made (`HybridConfig`).

    Attributes:
        d_model: width of the residual stream.
        window: tokens that attention sees, the query itself included; None for all.
        d_state: states a channel of an SSM layer.
        d_inner: channels of an SSM layer.
        dt_rank: rank of the step sizes' projection.
        d_conv: taps of the causal convolution, the present token included.
        n_heads: attention heads, each of width `d_model / n_heads`.
        rotary_fraction: share of a head's dimensions that turn with the position.
        rotary_base: the k-th turning dimension has frequency `rotary_base ** (-k / d_rotary)`, k = 0, 2, ..
        d_mlp: hidden units of the MLP; 0 for none.
        dropout: probability of a zero wherever the layer has dropout, in training.
        norm_eps: added to the variance in norms.
        init: "released", "paper", "mamba" or "transformers" (see `plait.layers.starts`).
        index: the layer's place in the model, from 0.
        step_bias: initial bias of Mamba's step projection; None for what `init` says.
        rotary_odd: what an odd number of rotary dimensions does, one of `plait.layers.rope.ODD`.
        options: of this kind of layer alone (`plait.layers.mixer`).
        positions: how attention knows positions, one of `plait.layers.rope.POSITIONS`.
    """

    d_model: int
    window: int | None
    d_state: int
    d_inner: int
    dt_rank: int
    d_conv: int
    n_heads: int
    rotary_fraction: float
    rotary_base: float
    d_mlp: int
    dropout: float
    norm_eps: float
    init: str
    index: int
    rotary_odd: str = "paired"
    step_bias: float | None = None
    options: Options = NONE
    positions: str = "rope"

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def d_rotary(self) -> int:
        """Rounded down, as in GPT-NeoX; 0 where positions are not rotations."""
        return int(self.rotary_fraction * self.d_head) if self.positions == "rope" else 0

    @property
    def d_turning(self) -> int:
        """Dimensions of a head that depend on the position: `d_rotary`, where that is odd by `rotary_odd`."""
        return turning_dimensions(self.d_rotary, odd=self.rotary_odd)

    @property
    def biased(self) -> bool:
        """Whether scores have a bias, which the compiled kernels do not know."""
        return self.positions not in ("rope", "none")

    @property
    def relative(self) -> bool:
        """Whether scores depend on positions by their distance alone."""
        return self.d_turning % 2 == 0


MOST_SIDES = 16
"""Layers side by side in one; a pattern that says more is taken for a slip."""

APART = 4097
"""Added to a layer's index, and to the step of its initial weights, for every further side: more than a model has."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the layers that stand side by side; a layer that stands alone is its own only side.

    Attributes:
        name: in the pattern.
        spec: its dimensions; of further sides the index is that of the place, plus `APART` for each, so that no two
            draw the same zeros of dropout.
    """

    name: str
    spec: LayerSpec


def is_side_by_side(name: str) -> bool:
    """Whether a layer's name in an expanded pattern stands for several, as `(SSM|TF)` does."""
    return name.startswith("(")


def joined(names: tuple[str, ...]) -> str:
    """The name of layers side by side."""
    return f"({'|'.join(names)})"


def sides(name: str) -> tuple[str, ...]:
    """The layers that a name stands for: of `(SSM|TF)` both, of `SSM` itself."""
    return tuple(name[1:-1].split("|")) if is_side_by_side(name) else (name,)


def sides_of(name: str, spec: LayerSpec) -> tuple[Side, ...]:
    """The layers that a name stands for with their dimensions; the options of `(A|B)` are one mapping a side."""
    if not is_side_by_side(name):
        return (Side(name=name, spec=spec),)
    return tuple(
        Side(
            name=side,
            spec=replace(spec, index=spec.index + APART * place, options=spec.options.get(side, NONE)),
        )
        for place, side in enumerate(sides(name))
    )
