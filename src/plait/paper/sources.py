"""Where others' numbers are from, and how they are read off their figures.

The paper's accuracies belong to parameter counts that are read off a figure's axis (about 1,000, 2,000, 6,000
and 12,000); the rerun's to exact counts.
"""

from collections.abc import Mapping, Sequence

from plait.findings.reported import Reference, ReferenceRatio

PAPER_SOURCE = "arXiv 2603.08859"
RERUN_SOURCE = (
    "independent rerun: 8 CPU cores, learning rate picked from 3-4 values, 11 seeds, "
    "1,024-2,048 fresh test sequences a seed"
)
SIZES = (1_000, 2_000, 6_000, 12_000)
"""Parameters at which the paper's figures are read."""


def read_off(name: str, columns: Mapping[str, Sequence[float]]) -> tuple[Reference, ...]:
    """The paper's accuracies at `SIZES`, by pattern."""
    return tuple(
        Reference(pattern=pattern, parameters=parameters, accuracy=accuracy, source=f"{PAPER_SOURCE}, {name}")
        for pattern, accuracies in columns.items()
        for parameters, accuracy in zip(SIZES, accuracies, strict=True)
    )


def rerun_ratio(
    pure: str, accuracy: float, ratio: float, *, pure_parameters: int, hybrid_parameters: int
) -> ReferenceRatio:
    """A ratio of the independent rerun's."""
    return ReferenceRatio(
        pure=pure,
        accuracy=accuracy,
        ratio=ratio,
        source=RERUN_SOURCE,
        pure_parameters=pure_parameters,
        hybrid_parameters=hybrid_parameters,
    )


def rerun_text(ratios: Sequence[ReferenceRatio], accuracy: float) -> str:
    """The rerun's ratios at one accuracy, as a claim quotes them."""
    found = [r for r in ratios if r.source == RERUN_SOURCE and r.accuracy == accuracy]
    return ", ".join(f"{r.ratio:g} ({r.pure})" for r in found) or "-"
