"""A config.json as checked values: absent fields take the family's defaults, impossible ones are refused."""

from collections.abc import Callable, Mapping, Sequence

from plait.checks import shortened as shown

LEGACY_LAYER_TYPES = {"mamba": "linear_attention", "attention": "full_attention"}
"""Names that older files use, and what `transformers` renames them to on load."""

MOST_LAYERS = 10_000
_ATTENTION_TYPES = ("full_attention", "sliding_attention")
_KNOWN_LAYER_TYPES = frozenset(
    (
        *_ATTENTION_TYPES,
        "indexed_attention",
        "linear_attention",
        "conv",
        "hybrid",
        "hybrid_sliding",
        "mlp",
        "moe",
    )
)


class Fields:
    """The fields of one config.json.

    Args:
        data: the parsed object.
        model_type: named in every error.
    """

    def __init__(self, data: Mapping[str, object], model_type: str) -> None:
        self.data = data
        self.model_type = model_type

    def get(self, *names: str) -> object:
        """The first of `names` that is present and not null, else None."""
        return next((self.data[name] for name in names if self.data.get(name) is not None), None)

    def refuse(self, message: str) -> ValueError:
        """An error that names the family."""
        return ValueError(f"{self.model_type} config: {message}")

    def integer(self, *names: str, default: int, least: int = 1) -> int:
        """An integer of at least `least`; absent or null gives `default`. Later names are aliases.

        Raises:
            ValueError: another type, or too small.
        """
        value = self.get(*names)
        if value is None:
            value = default
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.refuse(f"{names[0]} must be an integer of at least {least}, got {shown(value)}")
        return value

    def optional(self, name: str, *, default: int | None, least: int = 1) -> int | None:
        """Like `integer`, but an explicit null means None."""
        if name not in self.data:
            return default
        return None if self.data[name] is None else self.integer(name, default=least, least=least)

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
        explicit_null = "num_key_value_heads" in self.data and self.data["num_key_value_heads"] is None
        n_kv = self.integer(
            "num_key_value_heads", default=n if explicit_null or default_kv is None else default_kv
        )
        if n % n_kv:
            raise self.refuse(f"num_key_value_heads must divide num_attention_heads = {n}, got {n_kv}")
        return n, n_kv

    def d_head(self, d_model: int, n_heads: int) -> int:
        """head_dim where it is given, else hidden_size / num_attention_heads.

        Raises:
            ValueError: no head_dim and hidden_size smaller than the number of heads.
        """
        value = self.optional("head_dim", default=None)
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
        types = tuple(LEGACY_LAYER_TYPES.get(str(t), str(t)) for t in value)
        if len(types) != n:
            raise self.refuse(f"{names[0]} must name num_hidden_layers = {n} layers, got {len(types)}")
        if unknown := sorted(set(types) - _KNOWN_LAYER_TYPES):
            raise self.refuse(
                f"{names[0]} must use {', '.join(sorted(_KNOWN_LAYER_TYPES))}, got {shown(unknown[0])}"
            )
        return types
