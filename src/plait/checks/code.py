"""What of the code enters the identity of a member: the source of a user's own, and which fields came later.

A digest of the source behind a user's class or function tells an edited one from what it was. Read are the file of its
module and those of the modules that it imports from the same package (for a module outside of any package: from the
same folder), and theirs in turn. What lies elsewhere is a library, and counts as fixed.
"""

import ast
import dataclasses
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from plait.checks.own_names import imported

_DIGITS = 20
"""Hexadecimal: 80 bits."""
_found: dict[str, tuple[Any, str | None]] = {}

_ADDED = "plait.added"
"""Marks a field that came after members were stored."""

_Value = TypeVar("_Value")


def code_digest(name: str) -> str | None:
    """80 bits, in hexadecimal, for the module of `name` (`module:Class`), which is imported if it is not yet.

    None where there is no source to read: in a notebook, in `__main__`, in compiled code. The file is read once after
    each import or reload.
    """
    module = name.partition(":")[0]
    if module not in sys.modules:
        try:
            imported(module, name)
        except ValueError:
            return None
    spec = getattr(sys.modules.get(module), "__spec__", None)
    known = _found.get(module)
    if known is None or known[0] is not spec:
        known = _found[module] = (spec, _digest(module) if spec is not None else None)
    return known[1]


def _digest(root: str) -> str | None:
    files = _reached(root)
    if root not in files:
        return None
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:_DIGITS]


def _reached(root: str) -> dict[str, bytes]:
    """The source of `root` and of every module of its own that it leads to."""
    start = _source_file(root)
    files: dict[str, bytes] = {}
    left = [root, *_parents(root)]
    while left:
        name = left.pop()
        path = _source_file(name)
        if name in files or path is None or start is None or not _is_own(name, path, root, start):
            continue
        try:
            files[name] = path.read_bytes().replace(b"\r\n", b"\n")
        except OSError:
            continue
        for other in _imports(name, path, files[name]):
            left += [other, *_parents(other)]
    return files


def _is_own(name: str, path: Path, root: str, start: Path) -> bool:
    package = name.split(".", maxsplit=1)[0]
    if "." in root or start.name == "__init__.py":
        return package == root.split(".", maxsplit=1)[0]
    if package == "plait":
        return False
    return path.parent == start.parent or (start.parent in path.parents and "site-packages" not in path.parts)


def _source_file(name: str) -> Path | None:
    """Where the source of a module lies, whether it is imported yet or not."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
    origin = str(getattr(spec, "origin", ""))
    return Path(origin) if getattr(spec, "has_location", False) and origin.endswith(".py") else None


def _imports(name: str, path: Path, content: bytes) -> Iterator[str]:
    """Every module that the source may import, wherever in it; `from a import b` may mean the module `a.b`."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node)
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def added_field(neutral: _Value) -> _Value:
    """A dataclass field whose default is what every member stored before had, and which the identity leaves out there.

        rotary_odd: str = added_field("paired")      # members stored before had pairs, and keep their ids

    A value other than `neutral` enters the identity like any field. The neutral value can never change.
    """
    return dataclasses.field(default=neutral, metadata={_ADDED: True})


def neutral_fields(part: object) -> frozenset[str]:
    """The added fields of a dataclass instance that hold their neutral value; none for anything else."""
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return frozenset()
    return frozenset(
        field.name
        for field in dataclasses.fields(part)
        if field.metadata.get(_ADDED) and _same(getattr(part, field.name), field.default)
    )


def _same(value: Any, neutral: Any) -> bool:
    """Equal and of one type but for 1 and 1.0, so that False is no 0."""
    return isinstance(value, bool) == isinstance(neutral, bool) and value == neutral
