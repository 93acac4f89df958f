"""Fields that differ from layer to layer: per_layer_config, a table of what each layer has instead."""

from plait.memory.huggingface.fields import Fields, shown


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
