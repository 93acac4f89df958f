"""Learning rates, widths and seeds that the paper's experiments share (arXiv 2603.08859, section 5)."""

LR_GRID = (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 1e-1, 3.16e-1, 1.0)
"""1e-4 .. 1 in factors of sqrt(10), to three digits."""

SEEDS = range(32)
"""Seeds of a full experiment (the paper has 11 runs)."""
