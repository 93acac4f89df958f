"""Where the wide models are measured, and pairs of them, for claims and pages alike."""

from typing import Any

from plait.findings.leads import Pair, Score
from plait.model import HybridConfig
from plait.paper import wide_models as wide
from plait.paper.wide_models import WIDE, equal_size, hybrid, packed

LONG, LONGEST = 190, 1_600
MIDDLE = 100
"""The mean of the lengths 10, 20, .. 190."""

POSITIONS = ("rope", "none", "alibi", "hard-alibi")
LAYOUTS = (wide.HYBRID, wide.TURNED, wide.LATE, wide.SINGLE)


def fields_of(model: HybridConfig, *names: str) -> dict[str, Any]:
    return {f"model.{name}": getattr(model, name) for name in names}


def at(
    model: HybridConfig,
    *,
    separator: bool,
    p_bit: float,
    tested: float | None = None,
    length: int = LONG,
    products: str = wide.PRODUCTS[WIDE],
) -> dict[str, Any]:
    """Where a model that was trained on packed rows is measured: in the form of rows that it was trained on."""
    return {
        "task": packed(p_bit, separator=separator),
        "train.products": products,
        **fields_of(model, "pattern", "d_model", "d_mlp", "d_inner", "window", "positions"),
        "test.p_bit": p_bit if tested is None else tested,
        "test.seq_len": length,
    }


def rates_of(*, separator: bool) -> tuple[float, ...]:
    """The released rate without separators; any with them."""
    return () if separator else (wide.BASE_LR,)


def pair(
    first: HybridConfig,
    second: HybridConfig,
    *,
    separator: bool = False,
    free: bool = False,
    score: Score = "pooled",
    **more: Any,
) -> Pair:
    """Two models trained alike, at the released rate unless `free`."""
    given = {"separator": separator, "p_bit": 0.2, **more}
    lrs = () if free else (wide.BASE_LR,)
    return Pair(first=at(first, **given), second=at(second, **given), lrs=lrs, score=score)


def with_positions(kind: str) -> tuple[HybridConfig, ...]:
    """Hybrid and Transformer of its size, full window."""
    return equal_size(WIDE, window=None, positions=kind)[:2]


def laid_out(pattern: str) -> HybridConfig:
    """A layout of the hybrid's layers, full window."""
    return hybrid(WIDE, pattern, window=None)
