from plait.paper.catalogue import CATALOGUE, FIGURES, find_experiment, find_figure
from plait.paper.grids import LR_GRID, PAPER_SOURCE, RERUN_SOURCE, SEEDS
from plait.paper.headline import HEADLINE

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
