"""Options that several commands share, and the run that those of `plait train` ask for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.training import Run


def known_tasks() -> list[str]:
    """For a shell to complete."""
    from plait.tasks import TASKS

    return list(TASKS)


JsonFlag = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")
]
Device = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda", help="Where to compute; auto takes a GPU if there is one.")
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=JSON", help="A parameter of the task; may be repeated."),
]
Wait = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="For members that another process is training; left out, as long as it takes.",
    ),
]
TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", help="Import and run the layers of others that the model's config names."),
]
Unchecked = Annotated[
    bool,
    typer.Option(
        "--unchecked",
        help="Train layers and a task of your own even if they break what their protocol promises.",
    ),
]
TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="A name that `plait tasks` lists, or module:NAME of your own.",
        autocompletion=known_tasks,
    ),
]
TaskOption = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        help="A name that `plait tasks` lists, or module:NAME of your own.",
        autocompletion=known_tasks,
    ),
]


def check_device(name: str) -> None:
    """Refuse a device that is not there; torch is imported only where a GPU was asked for by name.

    Raises:
        ValueError: as `resolve_device`.
    """
    if name not in ("auto", "cpu"):
        from plait.training.machine import resolve_device

        resolve_device(name)


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
