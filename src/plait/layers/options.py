"""Options of layers by name, as a config holds them: read-only, hashable, and JSON at both ends."""

from collections.abc import Iterator, Mapping
from typing import Any, cast


class Options(Mapping[str, Any]):
    """A mapping from names to values (or to further mappings) that never changes and can be hashed."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {str(name): _frozen(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return repr(self._values)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {name: _thawed(value) for name, value in self._values.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value if isinstance(value, Options) else Options(cast(Mapping[str, Any], value))
    return tuple(map(_frozen, cast(list[Any], value))) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Options):
        return value.to_json()
    return list(map(_thawed, cast(tuple[Any, ...], value))) if isinstance(value, tuple) else value


NONE = Options({})
