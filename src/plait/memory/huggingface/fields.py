"""A config.json as checked values: absent fields take the family's defaults, impossible ones are refused.

What a reader asks for is recorded, so that fields which nobody asked for can be reported.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from plait.checks import shortened as shown
from plait.memory.huggingface.vocabulary import LAYER_TYPES, is_neutral, renamed_layer_types

MOST_LAYERS = 10_000
"""Beyond any model; each layer is counted by itself."""

_LARGEST = 1 << 40
"""No size of a model is larger, and products of a few such numbers are still quickly computed."""


class Fields:
    """The fields of one config.json.

    Args:
        data: the parsed object.
        model_type: named in every error.
        aliases: the names that this family has for usual ones, tried after them.
    """

    def __init__(
        self,
        data: Mapping[str, object],
        model_type: str,
        *,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.data = data
        self.model_type = model_type
        self._aliases = dict(aliases or {})
        self._asked: set[str] = set()
        self._children: dict[str, Fields] = {}
        self._contradictions: list[str] = []

    def get(self, *names: str) -> object:
        """The first of `names`, each before its aliases, that is present and not null, else None."""
        tried = self._all_names(names)
        return next((self.data[name] for name in tried if self.data.get(name) is not None), None)

    def ignore(self, *names: str) -> None:
        """Count fields as read that this family's class has and does not count by."""
        self._all_names(names)

    def accept(self, name: str, *values: object) -> None:
        """Count a field as read if its value, or each of a list, is one of those that change nothing."""
        value = self.data.get(name)
        if all(each in values for each in (value if isinstance(value, list) else [value])):
            self._asked.add(name)

    def child(self, name: str) -> "Fields":
        """The fields of an object within the file, empty if absent.

        Raises:
            ValueError: no object.
        """
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.refuse(f"{name} must be an object, got {shown(value)}")
        return self._children.setdefault(name, Fields(value or {}, f"{self.model_type} {name}"))

    def untouched(self) -> tuple[str, ...]:
        """Fields with a value that no reader asked for, known to be without effect or not."""
        return tuple(name for name, value in self.data.items() if name not in self._asked and _is_set(value))

    def unread(self) -> tuple[str, ...]:
        """Fields with a value that no reader asked for and that are not known to be without effect on any count."""
        own = [name for name in self.untouched() if not is_neutral(name)]
        nested = [f"{name}.{field}" for name, child in self._children.items() for field in child.unread()]
        return (*own, *nested, *self._contradictions)

    def _all_names(self, names: Sequence[str]) -> list[str]:
        tried = [other for name in names for other in (name, *self._aliases.get(name, ()))]
        self._asked.update(tried)
        return tried

    def refuse(self, message: str) -> ValueError:
        """An error that names the family."""
        return ValueError(f"{self.model_type} config: {message}")

    def integer(self, *names: str, default: int, least: int = 1) -> int:
        """An integer of at least `least`; absent or null gives `default`. Later names are aliases.

        Raises:
            ValueError: another type, too small, or above `_LARGEST`.
        """
        value = self.get(*names)
        if value is None:
            value = default
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.refuse(f"{names[0]} must be an integer of at least {least}, got {shown(value)}")
        if value > _LARGEST:
            raise self.refuse(f"{names[0]} must be at most {_LARGEST}, got {shown(value)}")
        return value

    def renamed(self, *names: str, default: int, least: int = 1) -> int:
        """Like `integer`, of names that mean one field; a file in which they differ is doubted."""
        values = [self.data[name] for name in self._all_names(names) if self.data.get(name) is not None]
        if any(value != values[0] for value in values):
            self._contradictions.append(" beside another ".join(names[:2]))
        return self.integer(*names, default=default, least=least)

    def optional(self, name: str, *, default: int | None, least: int = 1) -> int | None:
        """Like `integer`, but an explicit null means None."""
        present = [other for other in self._all_names([name]) if other in self.data]
        if not present:
            return default
        null = all(self.data[other] is None for other in present)
        return None if null else self.integer(name, default=least, least=least)

    def auto(self, name: str, *, default: int) -> int:
        """An integer field in which "auto" also means `default`."""
        return default if self.get(name) == "auto" else self.integer(name, default=default)

    def number(self, name: str, *, default: float) -> float:
        """A positive number.

        Raises:
            ValueError: not a number, not finite, or not above 0.
        """
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise self.refuse(f"{name} must be a number above 0, got {shown(value)}")
        return value

    def flag(self, *names: str, default: bool) -> bool:
        """A boolean."""
        value = self.get(*names)
        if value is not None and not isinstance(value, bool):
            raise self.refuse(f"{names[0]} must be true or false, got {shown(value)}")
        return default if value is None else value

    def each_layer(self, name: str, n: int, *, least: int = 1) -> tuple[int, ...] | None:
        """A list of one integer a layer; None where absent.

        Raises:
            ValueError: no list, of another length, or with anything but integers in [least, LARGEST].
        """
        value = self.get(name)
        if value is None:
            return None
        fits = isinstance(value, list) and len(value) == n
        if not fits or not all(
            type(i) is int and least <= i <= _LARGEST for i in cast("list[object]", value)
        ):
            wanted = f"an integer of at least {least} for each of {n} layers"
            raise self.refuse(f"{name} must list {wanted}, got {shown(value)}")
        return tuple(cast("list[int]", value))

    def indices(self, name: str, n: int) -> tuple[int, ...] | None:
        """A list of layer indices below `n`; None where absent."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(type(i) is int and 0 <= i < n for i in value):
            raise self.refuse(f"{name} must list layer indices from 0 to {n - 1}, got {shown(value)}")
        return tuple(value)

    def n_layers(self, default: int) -> int:
        """num_hidden_layers, within reason."""
        n = self.integer("num_hidden_layers", default=default)
        if n > MOST_LAYERS:
            raise self.refuse(f"num_hidden_layers must be at most {MOST_LAYERS}, got {n}")
        return n

    def heads(self, *, default: int, default_kv: int | None) -> tuple[int, int]:
        """(query heads, key-value heads); no `default_kv` means as many as query heads.

        Raises:
            ValueError: the key-value heads do not divide the query heads.
        """
        n = self.integer("num_attention_heads", default=default)
        names = self._all_names(["num_key_value_heads"])
        explicit_null = any(name in self.data and self.data[name] is None for name in names)
        n_kv = self.integer(
            "num_key_value_heads", default=n if explicit_null or default_kv is None else default_kv
        )
        if n % n_kv:
            raise self.refuse(f"num_key_value_heads must divide num_attention_heads = {n}, got {n_kv}")
        return n, n_kv

    def d_head(self, d_model: int, n_heads: int, *, default: int | None = None) -> int:
        """head_dim where it is given, else its default, else (and for null) hidden_size / num_attention_heads.

        Raises:
            ValueError: no head_dim and hidden_size smaller than the number of heads.
        """
        value = self.optional("head_dim", default=default)
        if value is None and d_model < n_heads:
            raise self.refuse(f"hidden_size must be at least num_attention_heads = {n_heads}, got {d_model}")
        return d_model // n_heads if value is None else value

    def layer_types(
        self, *, default_layers: int, default: Callable[[int], str], names: Sequence[str] = ("layer_types",)
    ) -> tuple[str, ...]:
        """One type a layer, old names renamed; `default(i)` where the file has no list.

        Raises:
            ValueError: not a list of known types, or its length is not num_hidden_layers.
        """
        value = self.get(*names)
        if value is None:
            return tuple(default(i) for i in range(self.n_layers(default_layers)))
        if not isinstance(value, list) or not value:
            raise self.refuse(f"{names[0]} must be a list of layer types, got {shown(value)}")
        n = self.n_layers(len(value))
        renamed = renamed_layer_types()
        types = tuple(renamed.get(str(t), str(t)) for t in value)
        if len(types) != n:
            raise self.refuse(f"{names[0]} must name num_hidden_layers = {n} layers, got {len(types)}")
        if unknown := sorted(set(types) - LAYER_TYPES):
            raise self.refuse(
                f"{names[0]} must use {', '.join(sorted(LAYER_TYPES))}, got {shown(unknown[0])}"
            )
        return types


def _is_set(value: object) -> bool:
    """Null, false, 0 and what is empty switch nothing on."""
    return value is not None and value is not False and value not in (0, "", [], {})


def fields_by_layer(f: Fields, n: int, *, known: tuple[str, ...]) -> list[Fields] | None:
    """The fields of each of `n` layers; None in a file without per_layer_config.

    Args:
        known: the fields that may differ.

    Raises:
        ValueError: no object of objects, a layer that there is not, or another field.
    """
    table = f.get("per_layer_config")
    if table is None:
        return None
    if not isinstance(table, dict) or not all(isinstance(own, dict) for own in table.values()):
        raise f.refuse(f"per_layer_config must hold an object for each layer, got {shown(table)}")
    by_index: dict[int, dict[str, object]] = {}
    for key, own in table.items():
        if not str(key).isdecimal() or not int(key) < n:
            raise f.refuse(f"per_layer_config must name layers from 0 to {n - 1}, got {shown(key)}")
        if unknown := sorted(set(own) - set(known)):
            raise f.refuse(f"per_layer_config is read for {', '.join(known)}, got {shown(unknown[0])}")
        by_index[int(key)] = own
    return [Fields({**f.data, **by_index.get(i, {})}, f.model_type) for i in range(n)]


@dataclass(frozen=True)
class Flag:
    """A switch: always so, or the default of a boolean field with any of these names."""

    default: bool
    names: tuple[str, ...] = ()

    def of(self, f: Fields) -> bool:
        """Its value in a file."""
        return f.flag(*self.names, default=self.default) if self.names else self.default


OFF, ON = Flag(False), Flag(True)
ATTENTION_BIAS = Flag(False, ("attention_bias",))
MLP_BIAS = Flag(False, ("mlp_bias",))
