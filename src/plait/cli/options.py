"""Options that several commands share."""

from typing import Annotated

import typer

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
TaskName = Annotated[
    str, typer.Argument(metavar="TASK", help="A name that `plait tasks` lists, or module:NAME of your own.")
]
TaskOption = Annotated[
    str,
    typer.Option(
        "--task", metavar="TASK", help="A name that `plait tasks` lists, or module:NAME of your own."
    ),
]
