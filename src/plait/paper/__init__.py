from plait.paper.catalogue import CATALOGUE, FIGURES, find_experiment, find_figure
from plait.paper.grids import LR_GRID, SEEDS
from plait.paper.headline import HEADLINE
from plait.paper.sources import PAPER_SOURCE, RERUN_SOURCE

__all__ = [
    "CATALOGUE",
    "FIGURES",
    "HEADLINE",
    "LR_GRID",
    "PAPER_SOURCE",
    "RERUN_SOURCE",
    "SEEDS",
    "find_experiment",
    "find_figure",
]
