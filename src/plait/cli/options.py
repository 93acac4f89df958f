"""Options that several commands share."""

from typing import Annotated

import typer


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
