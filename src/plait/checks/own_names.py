"""The one way from a name `module:NAME` to what it names: a task, a layer, start weights, an experiment, a program.

It is the same from the command line, from Python and from a notebook. A module is looked for where Python looks, then
in the working folder. The working folder stays on `sys.path`, at its end, once a module was found nowhere else, so
that this module finds its neighbours later; nothing but a name of the user's own puts it there.

Here too: which names a file may make this program run (nothing but what is plait's own, unless the user trusts the
file), and the names under which classes and functions are stored, where they have moved since. A member's identity
holds the name of its task, its layers and its start weights. Whatever moves keeps the name that it was stored under,
so that its members are found; the old name finds it where it is now.
"""

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from plait.checks.values import cut, shortened, unknown

Accepts = Callable[[object], bool]


def is_own_name(name: object) -> bool:
    """Whether it reads `module:NAME`, both parts dotted identifiers; what it names need not be there."""
    if not isinstance(name, str) or name.count(":") != 1:
        return False
    module, attribute = name.split(":")
    return all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def resolve(name: str, kind: str, *, wanted: str, accepts: Accepts) -> object:
    """What stands at `module:NAME`, after importing the module; names that have moved are followed.

    Args:
        kind: what is looked for, as messages call it: "task", "layer", ..
        wanted: the same more closely: "class or task".
        accepts: whether an object can be that.

    Raises:
        ValueError: no such form, a module that is not there or fails or leaves the program, or nothing acceptable of
            that name in it; those that are there are listed.
    """
    if not is_own_name(name):
        raise ValueError(
            f"a {kind} of your own must be named module:Class or module:NAME, got {shortened(name)}"
        )
    module_name, _, attribute = present_name(name).partition(":")
    said = f"{kind} {cut(name)}"
    found: object = imported(module_name, said)
    parts = attribute.split(".")
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        inside = getattr(found, part, None)
        if inside is None or not (accepts(inside) if last else inspect.isclass(inside)):
            raise ValueError(
                f"{said}: {unknown(wanted, part, _acceptable(found, accepts))}{_hiding(module_name)}"
            )
        found = inside
    return found


def imported(module_name: str, said: str) -> object:
    """The module of that name, imported if it is not yet; what it prints meanwhile goes to standard error.

    Raises:
        ValueError: it is not there, fails, leaves the program, or is one that runs as a program (`__main__`).
    """
    if module_name in sys.modules:
        return sys.modules[module_name]
    if module_name.rpartition(".")[2] == "__main__":
        raise ValueError(f"{said}: {module_name} is a program, and importing it would run it")
    _see_working_folder(module_name)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may fail in any way
        raise ValueError(f"{said}: importing {module_name} failed: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What an error says, after its kind, on one line of bounded length."""
    return cut(f"{type(error).__name__}: {' '.join(str(error).split())}", most=300)


def _see_working_folder(module_name: str) -> None:
    """Put the working folder at the end of the search path if it, and nothing before it, holds the module."""
    importlib.invalidate_caches()  # a notebook may have written the file a moment ago
    top = module_name.partition(".")[0]
    folder = _working_folder()
    if folder is None or "" in sys.path or str(folder) in sys.path or top in sys.modules:
        return
    try:
        elsewhere = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        elsewhere = None
    # A folder without __init__.py anywhere on the path is a namespace package, which further folders add to.
    if (elsewhere is None or elsewhere.origin is None) and _holds(folder, top):
        sys.path.append(str(folder))


def _working_folder() -> Path | None:
    try:
        return Path(os.getcwd())
    except OSError:  # it was removed
        return None


def _holds(folder: Path, module_name: str) -> bool:
    return (folder / f"{module_name}.py").is_file() or (folder / module_name).is_dir()


def _hiding(module_name: str) -> str:
    """That the working folder has another module of this name, where Python found one before."""
    top, folder = module_name.partition(".")[0], _working_folder()
    found = getattr(sys.modules.get(top), "__file__", None)
    if folder is None or found is None or not _holds(folder, top) or folder in Path(found).resolve().parents:
        return ""
    return f" (found in {found}, which hides the {top} of the working folder)"


def _acceptable(found: object, accepts: Accepts) -> list[str]:
    """The names in a module that would do: its own, and what it imports where it has none."""
    names = [name for name, value in vars(found).items() if not name.startswith("_") and accepts(value)]
    here = getattr(found, "__name__", None)
    own = [name for name in names if getattr(vars(found)[name], "__module__", here) == here]
    return own or names


MOVED: Mapping[str, str] = MappingProxyType(
    {
        "plait.experiments.paper.basin:sharp_recall": "plait.paper.basin:sharp_recall",
        "plait.experiments.paper.skewed_copying:SkewedCopying": "plait.paper.shift:SkewedCopying",
        "plait.paper.skewed_copying:SkewedCopying": "plait.paper.shift:SkewedCopying",
        "plait.paper.begun_recall:BegunRecall": "plait.paper.wide_models:BegunRecall",
    }
)
"""Stored name -> where it is now, both as `module:name`; of several the first is the one that is stored."""


def stored_name(name: str, moved: Mapping[str, str] = MOVED) -> str:
    """The name that identities and rows hold for what is now at `name`."""
    return next((stored for stored, now in moved.items() if now == name), name)


def present_name(name: str, moved: Mapping[str, str] = MOVED) -> str:
    """Where what is stored as `name` is now."""
    return moved.get(name, name)


_PACKAGE = __name__.partition(".")[0]


def foreign_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the form `module:NAME` that lead out of this package, in order, once.

    `hf:NAME` leads to a class on a list of plait's (`plait.layers.hf`), in a library that is installed.
    """
    own = (name for name in names if ":" in name and not name.startswith("hf:"))
    return tuple(dict.fromkeys(name for name in own if present_name(name).partition(".")[0] != _PACKAGE))


def refuse_foreign(names: Iterable[str], *, trust_code: bool) -> None:
    """Refuse names in a file that would import somebody's module, unless its code is trusted.

    Raises:
        ValueError: what would be imported, and how to allow it.
    """
    foreign = foreign_names(names)
    if foreign and not trust_code:
        listed = ", ".join(cut(name) for name in foreign[:3]) + (", .." if len(foreign) > 3 else "")
        raise ValueError(
            f"it names code that is not plait's, {listed}, which would be imported and run; if you trust it: "
            "--trust-code, in Python trust_code=True"
        )
