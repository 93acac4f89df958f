"""Many claims at once: which stay if all of them are to be right together, and which if few of them may be false.

Each verdict is judged at 95% by itself, so that of many claims without anything to them some would pass. Sources:
S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70; Y. Benjamini and Y. Hochberg, Journal of the Royal
Statistical Society B 57 (1995) 289-300, which also holds where the statistics lean the same way, as claims about one
rival do.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from plait.experiments.bootstrap import CONFIDENCE

LEVEL = 1 - CONFIDENCE

Name = TypeVar("Name", bound=Hashable)


def all_right(p_values: Mapping[Name, float], *, level: float = LEVEL) -> tuple[Name, ...]:
    """The claims that pass with a chance of at most `level` that any of them is false (Holm), least p first."""
    kept: list[Name] = []
    for place, (name, p) in enumerate(_ascending(p_values)):
        if p > level / (len(p_values) - place):
            break
        kept.append(name)
    return tuple(kept)


def few_false(p_values: Mapping[Name, float], *, level: float = LEVEL) -> tuple[Name, ...]:
    """The claims that pass with an expected share of at most `level` false ones (Benjamini and Hochberg)."""
    ordered = _ascending(p_values)
    passed = [place for place, (_, p) in enumerate(ordered) if p <= level * (place + 1) / len(ordered)]
    return tuple(name for name, _ in ordered[: max(passed, default=-1) + 1])


def _ascending(p_values: Mapping[Name, float]) -> list[tuple[Name, float]]:
    return sorted(p_values.items(), key=lambda entry: entry[1])
