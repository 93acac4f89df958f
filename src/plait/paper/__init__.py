from plait.paper.catalogue import CATALOGUE, find_experiment
from plait.paper.grids import LR_GRID, SEEDS
from plait.paper.headline import HEADLINE
from plait.paper.reference import (
    CLAIMS,
    PAPER,
    PAPER_SOURCE,
    RATIOS,
    RERUN,
    RERUN_SOURCE,
    Reference,
    ReferenceRatio,
    nearest,
)

__all__ = [
    "CATALOGUE",
    "CLAIMS",
    "HEADLINE",
    "LR_GRID",
    "PAPER",
    "PAPER_SOURCE",
    "RATIOS",
    "RERUN",
    "RERUN_SOURCE",
    "SEEDS",
    "Reference",
    "ReferenceRatio",
    "find_experiment",
    "nearest",
]
