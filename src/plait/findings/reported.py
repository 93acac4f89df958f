"""What others measured of a figure: accuracies by pattern and size, and ratios of parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plait.experiments.ratio import accuracy_crossing


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Somebody's mean accuracy for one pattern; `interval` is a 95% interval where one was given."""

    pattern: str
    parameters: int
    accuracy: float
    source: str
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferenceRatio:
    """The smallest pure model whose mean reached `accuracy`, over the smallest hybrid, as reported.

    Widths are not interpolated; a parameter count is None where only the ratio was given.
    """

    pure: str
    accuracy: float
    ratio: float
    source: str
    pure_parameters: int | None = None
    hybrid_parameters: int | None = None


def nearest(
    references: Sequence[Reference], *, pattern: str, parameters: int, factor: float = 1.3
) -> Reference | None:
    """The reference of that pattern with the nearest parameter count, if within a factor of `factor`."""
    of_pattern = [reference for reference in references if reference.pattern == pattern]
    if not of_pattern:
        return None
    found = min(of_pattern, key=lambda reference: abs(math.log(reference.parameters / parameters)))
    return found if abs(math.log(found.parameters / parameters)) <= math.log(factor) else None


def ratio_between(
    references: Sequence[Reference], accuracy: float, *, pure: Sequence[str], hybrid: str
) -> float:
    """Pure over hybrid parameters for an accuracy, read as ours are: linear in log parameters between the points."""
    return min(_reaching(references, pattern, accuracy) for pattern in pure) / _reaching(
        references, hybrid, accuracy
    )


def _reaching(references: Sequence[Reference], pattern: str, accuracy: float) -> float:
    points = sorted((r.parameters, r.accuracy) for r in references if r.pattern == pattern)
    found = accuracy_crossing([size for size, _ in points], np.array([mean for _, mean in points]), accuracy)
    return found.low if found.low == found.high else math.inf
