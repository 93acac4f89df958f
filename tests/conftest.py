"""What every test runs under, so that its verdict is the same on every machine and in every order.

One thread a process, random numbers from a fixed start, and the same examples of hypothesis each time, however long
they take. `pytest --hypothesis-profile=fresh` draws new examples.
"""

import functools
import os
import random
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, and for processes that tests start

import pytest
import torch
import typer.testing
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from counted_seconds import CountedSeconds

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)

settings.register_profile("fixed", UNTIMED, derandomize=True)
settings.register_profile("fresh", UNTIMED, print_blob=True)
settings.load_profile("fixed")

# The commands are the same each time, and take four times as long to make from their functions as to ask.
typer.testing._get_command = functools.cache(typer.testing._get_command)


def pytest_runtest_setup() -> None:
    torch.manual_seed(0)
    random.seed(0)


@pytest.fixture
def counted_seconds(monkeypatch: pytest.MonkeyPatch) -> "CountedSeconds":
    """Searches go by a clock of their own work."""
    from counted_seconds import CountedSeconds

    clock = CountedSeconds()
    clock.pass_in(monkeypatch)
    return clock


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--dry-run` says how long training would take from two steps of each model, not from half a second of it."""
    monkeypatch.setattr("plait.experiments.forecast.TIMED_SECONDS", 0.0)
