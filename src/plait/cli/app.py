"""The commands by name."""

from typing import Annotated

import typer

from plait.cli import (
    attack,
    bench,
    constructions,
    doctor,
    evaluate,
    memory,
    reproduce,
    results,
    stream,
    tasks,
    theory,
    train,
    verify,
)
from plait.cli.errors import Commands
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


app.command("tasks")(tasks.tasks_command)
app.command("label")(tasks.label_command)
app.command("train")(train.train_command)
app.command("eval")(evaluate.evaluate)
app.command()(constructions.build)
app.command("verify")(verify.verify_command)
app.command()(stream.stream)
app.command("explain")(constructions.explain_command)
app.command()(constructions.export)
app.command("bounds")(theory.bounds_command)
app.command("check")(theory.check_command)
app.command("attack")(attack.attack_command)
app.command()(memory.memory)
app.command()(reproduce.reproduce)
app.command()(results.results)
app.command()(results.report)
app.command()(bench.bench)
app.command()(doctor.doctor)
