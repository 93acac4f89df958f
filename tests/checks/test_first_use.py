"""Names of a package that are imported with their first use: none is a module's, which would take its place."""

import importlib
import pkgutil

import pytest

import plait
from plait.deferred import names_for_the_type_checker

PACKAGES = [
    "plait",
    *(module.name for module in pkgutil.walk_packages(plait.__path__, "plait.") if module.ispkg),
]


@pytest.mark.parametrize("name", PACKAGES)
def test_no_deferred_name_is_that_of_a_module(name: str) -> None:
    package = importlib.import_module(name)
    deferred = set(names_for_the_type_checker(name)) if hasattr(package, "__getattr__") else set()
    assert deferred & {module.name for module in pkgutil.iter_modules(package.__path__)} == set()


def test_the_program_is_found_after_its_module() -> None:
    importlib.import_module("plait.cli.commands")
    assert callable(importlib.import_module("plait.cli").app)
