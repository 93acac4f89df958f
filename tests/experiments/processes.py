"""Processes of their own, forked from one that has imported what tests of experiments need.

A test module is not found by the server that forks (it knows nothing of pytest's paths), so each child imports that
itself; PyTorch, Polars and pytest, which take seconds, are there already. None of them has computed anything, so that
no thread is lost.
"""

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["plait.experiments", "plait.training.trainer", "numpy", "polars", "pytest", "torch"]
)
