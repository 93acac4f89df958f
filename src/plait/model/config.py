"""The dimensions of a hybrid, checked where they are made."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from plait.checks import added_field, check_integer, shortened, unknown
from plait.layers import LayerSpec
from plait.layers.registry import check_mixers, checked_options
from plait.layers.rope import ODD, POSITIONS
from plait.layers.spec import NONE, Options, is_side_by_side, sides
from plait.layers.starts import INITS
from plait.model.pattern import expand_pattern, parts

_LARGEST = 2**31 - 1
"""Of a size: what a signed number of 32 bits holds."""

DROPOUT_AT = ("all", "embedding")
"""Where dropout acts: on embedding, attention weights, outputs of attention and MLP; or on the embedding alone."""

_INIT_MEANS = {
    "released": "as the paper's program: every linear map normal(0, 0.02), Mamba's steps overwritten",
    "paper": "the same with Mamba's steps kept",
    "mamba": "Mamba's own values inside SSM layers",
    "transformers": "the values of transformers' MambaModel, embedding included",
}


@dataclass(frozen=True)
class HybridConfig:
    """A model: embedding, the layers of `pattern`, LayerNorm, unembedding tied to the embedding.

    Attributes:
        vocab_size: tokens; None where a task fills it in.
        pattern: the layers from input to output (see `plait.model.pattern`).
        d_model: width of the residual stream.
        window: tokens that attention sees, the query included; None for all; or a tuple, one entry a layer.
        d_state: states a channel of SSM layers.
        expand: channels of SSM layers over `d_model`, where `d_inner` is None.
        d_inner: channels of SSM layers; None for `expand * d_model`.
        dt_rank: rank of the step sizes; None for `d_model / 16` rounded up.
        d_conv: taps of the causal convolution.
        n_heads: attention heads.
        rotary_fraction: share of a head's dimensions that turn with the position, rounded down to whole ones.
        rotary_base: base of the rotary frequencies.
        mlp_factor: MLP units over `d_model`, where `d_mlp` is None.
        d_mlp: MLP units (0: none); None for `mlp_factor * d_model`; or a tuple, one entry a layer.
        dropout: the rate of zeros in training, wherever `dropout_at` says.
        norm_eps: added to the variance in every norm.
        init: "released", "paper", "mamba" or "transformers" (see `plait.layers.starts`).
        dropout_at: "all" (embedding, attention weights, outputs of attention and MLP) or "embedding".
        rotary_odd: what an odd number of rotary dimensions does: "paired" turns one more, "released" does what the
            paper's program does (see `plait.layers.rope`).
        step_bias: initial bias of Mamba's step projection, so that steps begin near `softplus(step_bias)`; None for
            what `init` says.
        options: of single kinds of layers by their names in the pattern, `{"GDN": {"heads": 2}}`; None for the
            defaults of all.
        positions: how attention knows them: "rope", "none", "alibi" or "hard-alibi" (`kernels/neox/reference.py`).

    Raises:
        ValueError: a value out of its range or of a wrong type, `d_model` that heads do not divide, a tuple
            of another length than the pattern, a pattern that cannot be read.
    """

    vocab_size: int | None = None
    _: KW_ONLY
    pattern: str = "SSM-TF"
    d_model: int
    window: int | tuple[int | None, ...] | None = None
    d_state: int = 16
    expand: int = 2
    d_inner: int | None = None
    dt_rank: int | None = None
    d_conv: int = 4
    n_heads: int = 1
    rotary_fraction: float = 0.25
    rotary_base: float = 10000.0
    mlp_factor: int = 2
    d_mlp: int | tuple[int | None, ...] | None = None
    dropout: float = 0.0
    norm_eps: float = 1e-5
    init: str = "released"
    dropout_at: str = added_field("all")
    rotary_odd: str = added_field("paired")
    step_bias: float | None = added_field(None)
    options: Mapping[str, Mapping[str, Any]] | None = added_field(None)
    positions: str = added_field("rope")

    def __post_init__(self) -> None:
        for name in ("d_model", "d_state", "expand", "d_conv", "n_heads"):
            check_integer(name, getattr(self, name), least=1, most=_LARGEST)
        check_integer("mlp_factor", self.mlp_factor, least=0, most=_LARGEST)
        for name in ("vocab_size", "d_inner", "dt_rank"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), least=1, most=_LARGEST)
        check_integer("expand * d_model", self.expand * self.d_model, least=1, most=_LARGEST)
        check_integer("mlp_factor * d_model", self.mlp_factor * self.d_model, least=0, most=_LARGEST)
        if not isinstance(self.pattern, str):
            raise ValueError(f"pattern must be a string such as SSM-TF, got {self.pattern!r}")
        n_layers = len(expand_pattern(self.pattern))
        self._set("window", _per_layer("window", self.window, n_layers=n_layers, least=1))
        self._set("d_mlp", _per_layer("d_mlp", self.d_mlp, n_layers=n_layers, least=0))
        for name, (low, high, form) in _RANGES.items():
            self._set(name, _checked_float(name, getattr(self, name), low=low, high=high, form=form))
        if self.init not in INITS:
            listed = "; ".join(f"{name}: {meaning}" for name, meaning in _INIT_MEANS.items())
            raise ValueError(f"{unknown('init', self.init, INITS)} ({listed})")
        if self.step_bias is not None:
            self._set(
                "step_bias", _checked_float("step_bias", self.step_bias, low=-100.0, high=100.0, form=_BIAS)
            )
        for name, known in (("dropout_at", DROPOUT_AT), ("rotary_odd", ODD), ("positions", POSITIONS)):
            if getattr(self, name) not in known:
                raise ValueError(unknown(name, getattr(self, name), known))
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model must be divisible by n_heads, got d_model {self.d_model} and n_heads {self.n_heads}"
            )
        self._set("options", checked_options(self.options, self.layers))
        specs = self.layer_specs()
        check_mixers(zip(self.layers, specs, strict=True))
        spec = specs[0]
        if spec.d_turning > spec.d_head:
            raise ValueError(
                f"rotary_fraction {self.rotary_fraction} turns {spec.d_turning} dimensions (always even) of heads "
                f"that have {spec.d_head}: a smaller fraction is needed"
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def layers(self) -> tuple[str, ...]:
        """The name of every layer, input first; layers side by side are one, `(SSM|TF)`."""
        return expand_pattern(self.pattern)

    @property
    def parts(self) -> tuple[str, ...]:
        """The same with layers side by side each by itself."""
        return parts(self.pattern)

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    def layer_specs(self) -> tuple[LayerSpec, ...]:
        """The dimensions of every layer, defaults worked out."""
        n_layers = self.n_layers
        windows = self.window if isinstance(self.window, tuple) else (self.window,) * n_layers
        mlps = self.d_mlp if isinstance(self.d_mlp, tuple) else (self.d_mlp,) * n_layers
        return tuple(
            LayerSpec(
                d_model=self.d_model,
                window=window,
                d_state=self.d_state,
                d_inner=self.expand * self.d_model if self.d_inner is None else self.d_inner,
                dt_rank=math.ceil(self.d_model / 16) if self.dt_rank is None else self.dt_rank,
                d_conv=self.d_conv,
                n_heads=self.n_heads,
                rotary_fraction=self.rotary_fraction,
                rotary_base=self.rotary_base,
                d_mlp=self.mlp_factor * self.d_model if d_mlp is None else d_mlp,
                dropout=self.dropout if self.dropout_at == "all" else 0.0,
                norm_eps=self.norm_eps,
                init=self.init,
                index=index,
                rotary_odd=self.rotary_odd,
                step_bias=self.step_bias,
                options=self._options_of(name),
                positions=self.positions,
            )
            for index, (name, window, d_mlp) in enumerate(zip(self.layers, windows, mlps, strict=True))
        )

    def _options_of(self, name: str) -> Options:
        """A layer's own options; of layers side by side one mapping each."""
        own = self.options or NONE
        if is_side_by_side(name):
            return Options({side: own[side] for side in sides(name) if side in own})
        return Options(own.get(name, NONE))

    def to_json(self) -> dict[str, Any]:
        """Every field, as JSON has it (tuples as lists)."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.options is not None:
            values["options"] = Options(self.options).to_json()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "HybridConfig":
        """The config of these fields; absent ones take their defaults.

        Raises:
            ValueError: no JSON object, an unknown field, `d_model` missing, or a value that is refused.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"a config must be a JSON object of fields, got {type(values).__name__}")
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(unknown("field", name, known))
        if "d_model" not in values:
            raise ValueError(f"a config needs d_model, got {', '.join(map(str, values)) or 'no field'}")
        return cls(**values)

    @classmethod
    def parse(cls, text: str) -> "HybridConfig":
        """The config written as JSON text.

        Raises:
            ValueError: text that is no JSON, or what `from_json` refuses.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a config must be JSON: {error}") from error
        return cls.from_json(values)


_BIAS = "in [-100, 100]"

_RANGES = {
    "rotary_fraction": (0.0, 1.0, "in [0, 1]"),
    "rotary_base": (0.0, math.inf, "positive and finite"),
    "dropout": (0.0, 1.0, "in [0, 1)"),
    "norm_eps": (0.0, math.inf, "positive and finite"),
}


def _checked_float(name: str, value: object, *, low: float, high: float, form: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        above = value > low if form.startswith("positive") else value >= low
        below = value < high if form.endswith((")", "finite")) else value <= high
        if above and below and value < 1e300:
            return float(value)
    raise ValueError(f"{name} must be a number {form}, got {shortened(value)}")


def _per_layer(name: str, value: object, *, n_layers: int, least: int) -> object:
    """One checked value, or one a layer as a tuple; None passes."""
    if isinstance(value, list | tuple):
        if len(value) != n_layers:
            raise ValueError(f"{name} must be one value or one a layer ({n_layers}), got {len(value)} values")
        for entry in value:
            if entry is not None:
                check_integer(f"each {name}", entry, least=least, most=_LARGEST)
        return tuple(value)
    if value is not None:
        check_integer(name, value, least=least, most=_LARGEST)
    return value
