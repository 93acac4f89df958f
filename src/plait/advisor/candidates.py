"""The patterns that a plan compares: the layers of one model, mixed anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from plait.memory import Architecture, architecture_of
from plait.memory.block import FIXED_MIXERS, AnyLayer, Block, Layer
from plait.memory.crossing import reference_attention
from plait.model import HybridConfig


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One mix of layers.

    Args:
        pattern: its name.
        window: "full" or the tokens that every attention layer sees, "none" without attention, "own" in the
            model as it is.
        architecture: its numbers.
    """

    pattern: str
    window: str
    architecture: Architecture


def candidates(model: HybridConfig | Architecture, windows: tuple[int | None, ...]) -> tuple[Candidate, ...]:
    """The model as it is, then every share of attention layers with every window, and none at all.

    Raises:
        ValueError: a user's own layer.
    """
    if isinstance(model, HybridConfig):
        own = Candidate(pattern=model.pattern, window="own", architecture=architecture_of(model))
        return own, *_of_config(model, windows)
    return Candidate(pattern=model.title, window="own", architecture=model), *_of_file(model, windows)


def _of_config(config: HybridConfig, windows: tuple[int | None, ...]) -> Iterator[Candidate]:
    """SSM layers first, then attention; another order holds the same."""
    n = config.n_layers
    for index, name in enumerate(config.layers):
        if name not in ("SSM", "TF"):
            raise ValueError(f"a plan needs layers with a formula (SSM, TF), layer {index} is {name}")
    units = config.d_mlp if not isinstance(config.d_mlp, tuple) else None
    for n_attention in _shares(n, config.layers.count("TF")):
        pattern = "-".join(["SSM"] * (n - n_attention) + ["TF"] * n_attention)
        for window in windows if n_attention else (None,):
            mixed = replace(config, pattern=pattern, window=window, d_mlp=units)
            yield Candidate(
                pattern=pattern, window=_label(n_attention, window), architecture=architecture_of(mixed)
            )


def _of_file(model: Architecture, windows: tuple[int | None, ...]) -> Iterator[Candidate]:
    """The model's own recurrent and attention blocks, attention spread evenly over the layers that mix tokens.

    All visits of one layer are mixed as that layer. A model whose layers share attention shares it in every mix,
    stored as often as in the model.
    """
    mixer = next((b for b in model.blocks if b.part in FIXED_MIXERS), None)
    attention = reference_attention(model)
    places = [
        i
        for i, layer in enumerate(model.layers)
        if isinstance(layer, Layer) and layer.revisits is None and _mixers(layer)
    ]
    # Of each layer with attention, whether it has weights of its own: the shared ones are stored in some layers only.
    stored = [any(b.weights for b in a) for i in places if (a := _attention(model.layers[i]))]
    own, n_stored = len(stored), len(places) if all(stored) else sum(stored)
    for n_attention in _shares(len(places), own) if mixer else (len(places),):
        kind = "no name" if mixer is None else mixer.part
        pattern = f"{len(places) - n_attention} {kind} + {n_attention} attention" if mixer else "attention"
        chosen = [places[(j + 1) * len(places) // n_attention - 1] for j in range(n_attention)]
        for window in windows if n_attention else (None,):
            block = replace(attention, window=window)
            shared = replace(block, weights=0)
            attending = {i: block if j < n_stored else shared for j, i in enumerate(chosen)}
            mixers = {i: attending.get(i, mixer) for i in places}
            layers = tuple(_remixed(layer, i, mixers) for i, layer in enumerate(model.layers))
            yield Candidate(
                pattern=pattern,
                window=_label(n_attention, window),
                architecture=replace(model, title=pattern, layers=layers),
            )


def _label(n_attention: int, window: int | None) -> str:
    return "none" if not n_attention else "full" if window is None else str(window)


def _attention(layer: AnyLayer) -> list[Block]:
    return [b for b in layer.blocks if b.kv_per_token]


def _mixers(layer: Layer) -> list[Block]:
    return [b for b in layer.blocks if b.part in FIXED_MIXERS or b.kv_per_token or b.pool]


def _remixed(layer: AnyLayer, index: int, mixers: Mapping[int, Block | None]) -> AnyLayer:
    """The layer with the mixer of its place; on a further visit, with that of the first and without its weights."""
    if not isinstance(layer, Layer):
        return layer
    mixer = mixers.get(index if layer.revisits is None else layer.revisits)
    if mixer is None:
        return layer
    mixer = mixer if layer.revisits is None else replace(mixer, weights=0)
    rest = tuple(b for b in layer.blocks if b not in _mixers(layer))
    return replace(layer, kind=mixer.part, blocks=(mixer, *rest))


def _shares(n: int, own: int) -> tuple[int, ...]:
    """Numbers of attention layers to look at: all of them in small models, else some, and the model's own."""
    wanted = range(n + 1) if n <= 4 else {0, 1, n // 8, n // 4, n // 2, n, own}
    return tuple(sorted(k for k in wanted if 0 <= k <= n))
