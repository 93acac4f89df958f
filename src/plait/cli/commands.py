"""The commands by name."""

from functools import partial
from typing import Annotated

import typer

from plait.cli import (
    attack,
    constructions,
    installation,
    memory,
    reproduce,
    results,
    stream,
    tasks,
    theory,
    train,
    verify,
)
from plait.cli.errors import Command, Commands
from plait.cli.output import print_line


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(version("plait"))
        raise typer.Exit


app = typer.Typer(
    name="plait",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and stop.")
    ] = False,
) -> None:
    """A laboratory for hybrid sequence models. `plait COMMAND --help` shows each command with an example."""


command = partial(app.command, cls=Command)
command("tasks")(tasks.tasks_command)
command("label")(tasks.label_command)
command("train")(train.train_command)
command("eval")(verify.evaluate)
command()(constructions.build)
command("verify")(verify.verify_command)
command()(stream.stream)
command("explain")(constructions.explain_command)
command()(constructions.export)
command("bounds")(theory.bounds_command)
command("check")(theory.check_command)
command("attack")(attack.attack_command)
command()(memory.memory)
command()(reproduce.reproduce)
command()(results.results)
command()(results.report)
command()(installation.bench)
command()(installation.doctor)
