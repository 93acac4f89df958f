"""Budgets of searches in seconds that pass with what is asked, not with what the machine does at the time.

What a search finds is then the same on every machine, however slow or busy, and a budget is never waited for.
"""

import numpy as np
import pytest

from plait.theory.search.oracle import Oracle

CLOCKS = ("plait.theory.search.oracle.monotonic", "plait.theory.hybrid.search.monotonic")

A_TOKEN, A_LOOK = 1e-7, 5e-4
"""Seconds of one token that a task labels, and of one look at the clock: about those of a core of 2024."""


class CountedSeconds:
    """A clock that goes on by what passes through an oracle."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += A_LOOK
        return self.now

    def pass_in(self, patch: pytest.MonkeyPatch) -> None:
        """Every search that begins from here on goes by this clock."""
        asked = Oracle._asked

        def counted(oracle: Oracle, rows: np.ndarray) -> np.ndarray:
            self.now += rows.size * A_TOKEN
            return asked(oracle, rows)

        patch.setattr(Oracle, "_asked", counted)
        for name in CLOCKS:
            patch.setattr(name, self.monotonic)
