"""From which length on a hybrid holds less than the same model with full attention in every layer."""

from dataclasses import asdict, dataclass, replace
from math import lcm

from plait.memory.architecture import Architecture
from plait.memory.block import FIXED_MIXERS, AnyLayer, Block, Layer
from plait.memory.count import architecture_of
from plait.memory.formats import OWN, Storage
from plait.model import HybridConfig

NO_ATTENTION = "the model has no attention: compared with multi-head attention of its width"


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Where two memories cross, for one sequence.

    Args:
        length: the least length (tokens) at which the model holds fewer bytes; None = at none.
        fixed_bytes: what the model holds at length 0 already: recurrent state and convolution tails.
        bytes_per_token: growth of the model's cache once its windows are full.
        full_bytes_per_token: growth of the cache with full attention in every layer.
        notes: what the comparison assumes.
    """

    model: str
    dtype: str
    length: int | None
    fixed_bytes: int
    bytes_per_token: int
    full_bytes_per_token: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Every figure, as plain JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def crossing(model: HybridConfig | Architecture, *, dtype: object = None, storage: Storage = OWN) -> Crossing:
    """Compare a model with the same one with full attention in every layer.

    The difference `full - model` is convex in the length (a window's `min(L, W - 1)` is concave, all else is
    linear) and not positive at length 0: once positive it stays so, and a bisection finds where. Compressed caches
    and pages are so at multiples of their sizes, so these are bisected, and the lengths between the last two are
    tried.

    Raises:
        ValueError: an unknown dtype, a user's own layer (its growth is not known).
    """
    ours = model if isinstance(model, Architecture) else architecture_of(model)
    full = with_full_attention(ours)
    name = ours.checked_dtype(dtype)

    def held(of: Architecture, length: int) -> int:
        return of.state_bytes(length, dtype=name, storage=storage)

    def saved(length: int) -> int:
        return held(full, length) - held(ours, length)

    unit = lcm(*(b.pool for b in ours.blocks if b.pool), storage.page if storage.serving else 1)
    settled = max((b.window or 0 for b in ours.blocks), default=0) // unit + 2
    in_unit = held(ours, (settled + 1) * unit) - held(ours, settled * unit)
    full_in_unit = held(full, 2 * unit) - held(full, unit)
    length = None
    if full_in_unit > in_unit:
        high = settled
        while saved(high * unit) <= 0:
            high *= 2
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if saved(middle * unit) > 0 else (middle, high)
        length = next(n for n in range(low * unit + 1, high * unit + 1) if saved(n) > 0)
    return Crossing(
        model=ours.title,
        dtype=name,
        length=length,
        fixed_bytes=held(ours, 0),
        bytes_per_token=in_unit // unit,
        full_bytes_per_token=full_in_unit // unit,
        notes=() if any(b.kv_per_token for b in ours.blocks) else (NO_ATTENTION,),
    )


def with_full_attention(model: Architecture) -> Architecture:
    """The same model, its own attention without a window in place of every other token mixer.

    A layer that has attention beside a recurrence keeps the attention alone. The parameters of attention that
    takes a mixer's place are those of the attention layer it is copied from.

    Raises:
        ValueError: a user's own layer.
    """
    reference = reference_attention(model)
    layers = tuple(_full(layer, index, reference) for index, layer in enumerate(model.layers))
    return replace(model, title=f"{model.title}, full attention", layers=layers)


def reference_attention(model: Architecture) -> Block:
    """The model's first attention without its window; multi-head attention of its width if it has none."""
    attention = next((b for b in model.blocks if b.kv_per_token), None)
    if attention is not None:
        return replace(attention, window=None)
    d = model.d_model
    return Block(part="attention", weights=4 * d * d, matrices=4 * d * d, kv_per_token=2 * d, score=2 * d)


def _full(layer: AnyLayer, index: int, reference: Block) -> Layer:
    if not isinstance(layer, Layer):
        raise ValueError(f"a comparison needs layers with a formula (SSM, TF), layer {index} is {layer.kind}")
    mixers = [b for b in layer.blocks if b.part in FIXED_MIXERS]
    attends = any(b.kv_per_token for b in layer.blocks)
    kept = tuple(replace(b, window=None) for b in layer.blocks if b not in mixers and not b.pool)
    if mixers and not attends:
        own = reference if layer.revisits is None else replace(reference, weights=0)
        return replace(layer, kind="full_attention", blocks=(*kept, own))
    return replace(layer, blocks=kept)
