"""`plait doctor` and `plait bench`: what is installed and compiled here, and how fast it is."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from plait.checks.values import unknown
from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, check_device
from plait.cli.output import print_json, print_line, print_table


def doctor(
    seconds: Annotated[float, typer.Option(min=0, help="To train for; 0 trains two steps.")] = 2,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """What is installed, compiled and reachable, and whether training is as fast as this machine should make it.

    Kernels that could not be compiled are tried again. Exits with 1 if something is wrong; what is missing is slower or
    optional.

    \b
    plait doctor
    """
    from plait.doctor import examine

    check_device(device)
    findings, speed = examine(seconds=seconds)
    if json:
        print_json({"findings": findings, "speed": speed, "share": None if speed is None else speed.share})
    else:
        print_table("", ("what", "state", "detail"), [(f.what, f.state, f.detail) for f in findings])
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(CHECK_FAILED)


def bench(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A program of benchmarks/; left out, all are listed.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="ARG", help="The program's own, after --.")
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Runs a program of benchmarks/ and prints its table.

    \b
    plait bench engine
    plait bench engine -- --rounds 3 --d-model 8
    """
    from plait.training.machine import resolve_device

    place = resolve_device(device)
    programs = _programs()
    if name is None:
        print_json(sorted(programs)) if json else print_line("\n".join(sorted(programs)))
        return
    if name not in programs:
        raise ValueError(unknown("benchmark", name, sorted(programs)))
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if place.type == "cpu" else {}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(programs[name]), *(options or ())],
        env=os.environ | hidden,
        stdout=subprocess.PIPE if json else None,
        text=True,
        check=False,
    )
    if json and done.returncode == 0:
        seconds = round(time.monotonic() - began, 3)
        print_json({"benchmark": name, "seconds": seconds, "output": done.stdout.splitlines()})
    if done.returncode:
        raise typer.Exit(done.returncode if done.returncode > 0 else 1)


def _programs() -> dict[str, Path]:
    """By name: those of the working folder, else those beside the source of an editable installation."""
    import plait

    for root in (Path.cwd(), Path(plait.__file__).parents[2]):
        found = {path.stem: path for path in (root / "benchmarks").glob("*.py") if path.stem[0] != "_"}
        if found:
            return found
    raise ValueError("no folder benchmarks/ with programs is here: run this in plait's source tree")
