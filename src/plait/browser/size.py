"""What models hold in the number types of a deployment, and how many sequences of a length fit on cards."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from plait.advisor import capacity, plan
from plait.checks import check_integer, unknown
from plait.memory import Architecture, MemoryReport, architecture_of, crossing
from plait.memory.architecture import model_of

WEIGHT_BITS: Mapping[str, int] = {
    "float32": 32,
    "bfloat16": 16,
    "float16": 16,
    "fp8": 8,
    "int8": 8,
    "int4": 4,
}
"""Bits of one weight; scales of quantised blocks are not counted."""

CACHE_BITS: Mapping[str, int] = {"float32": 32, "bfloat16": 16, "float16": 16, "fp8": 8, "int8": 8}
"""Bits of one cached key or value."""

CARDS = (24, 32, 48, 80, 96, 141, 192)
"""Memories of cards, in GB of 10^9 bytes."""

_COUNTS = (1, 2, 4, 8)
"""Cards of one kind together, as machines have them."""

GIGA = 10**9
"""Bytes in the GB that cards are sold by."""

_MOST_LENGTH = 2**40
"""Tokens of a sequence, beyond any model."""

MOST_BATCH = 2**20
"""Sequences held at once."""


def size(
    config: object,
    *,
    seq_len: int = 32_768,
    batch: int = 1,
    weights: str = "bfloat16",
    cache: str = "bfloat16",
    generic: bool = False,
) -> dict[str, Any]:
    """Parameters, bytes of weights, state and cache, the crossing with full attention, and what fits on cards.

    Args:
        config: the JSON of a config, plait's or Hugging Face's.
        seq_len: tokens that every sequence has read.
        batch: sequences at once.
        weights: type of the weights, of `WEIGHT_BITS`; recurrent states are in the model's own type at least float32.
        cache: type of cached keys and values, of `CACHE_BITS`.

    Raises:
        ValueError: a config that its reader refuses, a length or batch out of range, an unknown type.
    """
    check_integer("seq_len", seq_len, least=1, most=_MOST_LENGTH)
    check_integer("batch", batch, least=1, most=MOST_BATCH)
    weight_bits, cache_bits = _bits_of("weights", weights, WEIGHT_BITS), _bits_of("cache", cache, CACHE_BITS)
    model = model_of(config, generic=generic)
    found = model if isinstance(model, Architecture) else architecture_of(model)
    dtype = "bfloat16" if found.dtype in (None, "float64") else found.dtype
    report = found.memory(seq_len, dtype=dtype)
    weight_bytes = -(-report.parameters * weight_bits // 8)
    fixed, cached = report.state_bytes - report.kv_bytes, -(-report.kv_cache * cache_bits // 8)
    each = fixed + cached
    return {
        "title": found.title,
        "verified": found.verified,
        "notes": list(found.notes),
        "dtype": dtype,
        "parameters": report.parameters,
        "weight_bytes": weight_bytes,
        "fixed_bytes": fixed,
        "cache_bytes": cached,
        "sequence_bytes": each,
        "total_bytes": weight_bytes + batch * each,
        "layers": layer_kinds(report),
        "fits": fits(weight_bytes, each),
        **_limits(found, dtype),
    }


def ruled_out(
    config: object, *, seq_len: int, budget: int, items: int, generic: bool = False
) -> dict[str, Any]:
    """Which mixes of a model's layers theory rules out for a budget of bytes and so many words to recall.

    Raises:
        ValueError: as `size` and `plait.advisor.plans`.
    """
    check_integer("seq_len", seq_len, least=1, most=_MOST_LENGTH)
    return dict(
        plan(model_of(config, generic=generic), budget=budget, seq_len=seq_len, items=items).to_json()
    )


def fits(weight_bytes: int, sequence_bytes: int) -> list[dict[str, int]]:
    """For each card and count: sequences that fit beside the weights, which are split evenly over the cards."""
    rows: list[dict[str, int]] = []
    for gigabytes in CARDS:
        for count in _COUNTS:
            room = count * gigabytes * GIGA - weight_bytes
            sequences = floor(Fraction(room, sequence_bytes)) if room > 0 and sequence_bytes else 0
            rows.append({"gigabytes": gigabytes, "cards": count, "sequences": sequences})
    return rows


def layer_kinds(report: MemoryReport) -> list[dict[str, Any]]:
    """Runs of like layers, as the table of `plait memory` has them."""
    return [dict(row) for row in report.rows()]


def _bits_of(what: str, name: str, known: Mapping[str, int]) -> int:
    """Raises:
    ValueError: an unknown type.
    """
    if name not in known:
        raise ValueError(unknown(f"type of {what}", str(name), _names(known)))
    return known[name]


def _names(known: Mapping[str, int]) -> Sequence[str]:
    return tuple(known)


def _limits(found: Architecture, dtype: str) -> dict[str, Any]:
    try:
        return {
            "crossing": crossing(found, dtype=dtype).to_json(),
            "capacity": capacity(found, dtype=dtype).to_json(),
        }
    except ValueError as error:
        return {"crossing": None, "capacity": None, "limits_unknown": str(error)}
