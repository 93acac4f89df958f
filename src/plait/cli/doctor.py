"""`plait doctor`: what is installed, compiled and reachable, and how fast it trains."""

from typing import Annotated

import typer

from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, check_device
from plait.cli.output import print_json, print_table


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
