"""The lower bounds of plait.theory read backwards: what a state can recall at most, and what an accuracy proves of it.

A state of B bits takes at most 2^B values. A model that recalls exactly which of W words followed each of them
last needs W^(W - 1) states, one that can give back any m tokens of a vocabulary of V needs V^m (docs/theory.md,
Theorems 2.6 and 2.5). So these are ceilings that no training can lift, and no promise that training gets there.
"""

import math
from dataclasses import asdict, dataclass
from math import ceil

from plait.memory import Architecture, architecture_of
from plait.memory.block import Layer
from plait.memory.formats import OWN, Storage, bits_of
from plait.memory.report import check_count
from plait.model import HybridConfig
from plait.theory.exact_numbers import log2_ceil

SCOPE = "proved for exact recall of worst-case content; no prediction of perplexity"
GROWS = "layers with full attention add a cache that grows with the length; the figures are for what does not grow"


def recall_capacity(bits: int) -> int:
    """The most words W whose latest followers a state of `bits` bits can hold: W^(W - 1) <= 2^bits.

    Raises:
        ValueError: fewer than 0 bits.
    """
    check_count("bits", bits, least=0)
    low, high = 1, 2
    while log2_ceil([(high, high - 1)]) <= bits:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if log2_ceil([(middle, middle - 1)]) <= bits else (low, middle)
    return low


def list_capacity(bits: int, vocab_size: int) -> int:
    """The most tokens m of a vocabulary that a state of `bits` bits can give back in order: V^m <= 2^bits.

    Raises:
        ValueError: fewer than 0 bits, or a vocabulary of fewer than 2 tokens.
    """
    check_count("bits", bits, least=0)
    check_count("vocab_size", vocab_size, least=2)
    low, high = 0, bits + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if log2_ceil([(vocab_size, middle)]) <= bits else (low, middle)
    return low


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the part of a model's memory that does not grow can recall at most.

    Args:
        recurrent_bits: recurrent state and convolution tails, as held.
        window_bits: caches of sliding windows, once full.
        recall_items: words whose latest followers fit into both together.
        list_tokens: tokens of the model's vocabulary that fit into both together.
        recurrent_recall_items: words that fit where the windows no longer see them.
        recurrent_list_tokens: tokens that do.
        grows: whether layers with full attention hold more as the length grows.
    """

    model: str
    dtype: str
    recurrent_bits: int
    window_bits: int
    recall_items: int
    list_tokens: int
    recurrent_recall_items: int
    recurrent_list_tokens: int
    grows: bool
    scope: str = SCOPE

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        return (self.scope, GROWS) if self.grows else (self.scope,)

    def to_json(self) -> dict[str, object]:
        """Every figure, as plain JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def capacity(model: HybridConfig | Architecture, *, dtype: object = None, storage: Storage = OWN) -> Capacity:
    """Ceilings on recall for a model in `dtype` (its own by default), its states and windows kept as `storage` says.

    Raises:
        ValueError: an unknown dtype, a vocabulary of fewer than 2 tokens, a user's own layer.
    """
    architecture = model if isinstance(model, Architecture) else architecture_of(model)
    for index, layer in enumerate(architecture.layers):
        if not isinstance(layer, Layer):
            raise ValueError(f"capacity needs layers with a formula (SSM, TF), layer {index} is {layer.kind}")
    name = architecture.checked_dtype(dtype)
    attention = [b for b in architecture.blocks if b.kv_per_token]
    windowed = [b for b in attention if b.window is not None]
    recurrent = 8 * architecture.state_bytes(0, dtype=name, storage=storage)
    full_windows = sum(b.kv_per_token * ((b.window or 1) - 1) for b in windowed)
    windows = ceil(full_windows * (storage.kv_bits or bits_of(name)))
    return Capacity(
        model=architecture.title,
        dtype=name,
        recurrent_bits=recurrent,
        window_bits=windows,
        recall_items=recall_capacity(recurrent + windows),
        list_tokens=list_capacity(recurrent + windows, architecture.vocab_size),
        recurrent_recall_items=recall_capacity(recurrent),
        recurrent_list_tokens=list_capacity(recurrent, architecture.vocab_size),
        grows=len(windowed) < len(attention) or any(b.pool for b in architecture.blocks),
    )


CAPACITY_ALPHA = 1e-3
"""Chance that the margin is too small."""


@dataclass(frozen=True, kw_only=True)
class ProvedBits:
    """Bits that an accuracy proves.

    Args:
        accuracy: as measured.
        margin: that sampling may be off by, at confidence 1 - ALPHA.
        bits: needed for `accuracy - margin` on average over the task's distribution; 0 where it says nothing.
    """

    accuracy: float
    margin: float
    bits: float


def proved_by(task: object, seq_len: int, accuracy: float, *, rows: int, scored: float) -> ProvedBits:
    """The bits of state that were used, if `accuracy` was measured on so many rows of `scored` positions on average.

    For a mean over several models, each on rows of its own, it is the most that some one of them used.

    Raises:
        ValueError: as `bits_proved`.
    """
    from plait.theory import bits_proved  # here: it needs numpy, and what a model can recall does not

    # For a row, right answers less the true accuracy times the scored ones: of mean 0, in an interval of seq_len. And
    # the scored ones alone may be fewer than on average. Each is off with half of ALPHA.
    off = seq_len / max(scored, 1.0) * math.sqrt(math.log(2 / CAPACITY_ALPHA) / (2 * max(rows, 1)))
    margin = off / (1 - off) if off < 1 else 1.0
    return ProvedBits(
        accuracy=accuracy,
        margin=margin,
        bits=bits_proved(task, seq_len, max(0.0, min(1.0, accuracy - margin))),
    )
