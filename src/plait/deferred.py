"""Modules and names that are imported when they are first used: what needs no torch does not wait for it.

A module that computes with torch only inside its functions says

    if TYPE_CHECKING:
        import torch
    else:
        torch = deferred("torch")

and a package whose parts are wanted one by one lists its imports under `TYPE_CHECKING` and ends in
`__getattr__ = on_first_use(__name__)`.
"""

import ast
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A stand-in for a module; its first attribute imports it."""

    def __getattr__(self, name: str) -> Any:
        imported = self.__dict__.get("_imported")
        if imported is None:  # import_module itself takes longer than most of what is asked for
            imported = self.__dict__["_imported"] = importlib.import_module(self.__name__)
        return getattr(imported, name)


def deferred(module: str) -> ModuleType:
    """The module of that name, imported with its first use.

    Raises:
        ImportError: at that first use, if there is none.
    """
    return _Deferred(module)


def on_first_use(package: str) -> Callable[[str], Any]:
    """`__getattr__` of a package: the names that its `__init__` imports for the type checker alone.

    No name may be that of a module of the package too, since importing the module would take its place.
    """

    @functools.cache
    def places() -> Mapping[str, str]:
        return names_for_the_type_checker(package)

    def get(name: str) -> Any:
        if name.startswith("__") or name not in places():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(places()[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


def names_for_the_type_checker(package: str) -> Mapping[str, str]:
    """Name -> module of every `from module import name` under `if TYPE_CHECKING` of a package's `__init__`."""
    spec = importlib.util.find_spec(package)
    source = spec.loader.get_source(package) if spec and spec.loader else None  # pyright: ignore[reportAttributeAccessIssue]
    names: dict[str, str] = {}
    for statement in ast.parse(source or "").body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            for found in statement.body:
                if isinstance(found, ast.ImportFrom) and found.module:
                    names |= {alias.name: found.module for alias in found.names}
    return names
