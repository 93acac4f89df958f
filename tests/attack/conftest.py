"""Tasks as a user would write them, from the tests of the theory."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture
def own_tasks(counted_seconds):
    """They are searched by the clock of the search's own work."""
    path = Path(__file__).parents[1] / "theory" / "own_tasks.py"
    spec = importlib.util.spec_from_file_location("own_tasks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_tasks"] = module
    spec.loader.exec_module(module)
    return module
