"""The run that the options of `plait train` ask for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.training import Run

SWEPT = {"lr": "lrs", "seed": "seeds"}
"""Fields of `Train` that have an option of several values."""


def layer_options(fields: Mapping[str, Any], layer: list[str] | None) -> dict[str, Any]:
    """`options` of the model from `NAME.OPTION=JSON` entries; nothing without any."""
    if not layer:
        return {}
    if "options" in fields:
        raise ValueError("--layer and --model options say the same: give one of them")
    options: dict[str, dict[str, Any]] = {}
    for entry, value in parse_fields("--layer", layer).items():
        name, dot, option = entry.rpartition(".")
        if not dot or not name or not option:
            raise ValueError(f"--layer must read NAME.OPTION=JSON, such as GDN.heads=2, got {entry!r}")
        options.setdefault(name, {})[option] = value
    return {"options": options}


def refuse_twice(context: typer.Context, option: str, fields: dict[str, Any], own: Mapping[str, str]) -> None:
    """Raises:
    ValueError: a field that is given by `option` and, in the same command, by an option of its own.
    """
    for field, name in own.items():
        source = context.get_parameter_source(name)
        if field in fields and source is not None and source.name == "COMMANDLINE":
            raise ValueError(
                f"{field} is given twice: by --{name.replace('_', '-')} and by {option} {field}=.."
            )


def parse_window(text: str) -> int | None:
    if text == "full":
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--window must be an integer of at least 1, or full, got {text!r}") from None


def make_run(
    task: str, params: Mapping[str, Any], *, model: Mapping[str, Any], train: Mapping[str, Any]
) -> "Run":
    """Raises:
    ValueError: whatever task, model or protocol refuse; an unknown field is answered by the known ones.
    """
    from plait.model import HybridConfig
    from plait.tasks import parse_task
    from plait.training import Run, Train

    return Run(
        task=parse_task(task, params), model=HybridConfig.from_json(model), train=Train.from_json(train)
    )
