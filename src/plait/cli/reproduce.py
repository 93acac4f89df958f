"""`plait reproduce`: an experiment of the paper or of one's own, trained and reported."""

from pathlib import Path
from typing import Annotated

import typer

from plait.checks import parse_choices
from plait.cli.options import Device, JsonFlag, Unchecked, Wait


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="headline, fig4, .., or module:FIG for your own; left out, all are listed."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All of it, where the plain form leaves out.")] = False,
    add_pattern: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="A further pattern, trained at every size and setting of the others; may be repeated.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,..",
            help="Only runs with these values of a field, such as model.d_model=8,12; may be repeated.",
        ),
    ] = None,
    choosing_seeds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="The first K seeds at every learning rate, the others at the rate that these choose: a third of the "
            "work with 9 rates, 32 seeds and K 8. As many seeds are behind each accuracy, fewer behind each choice.",
        ),
    ] = None,
    setting: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Initial weights, dropout and choice of the rate of one protocol. as-run: the paper's released "
            "program, and how the paper's figures are trained unless another is asked for; bare: its initial weights, "
            "no dropout; dropped: those with dropout 0.1 after the embedding; kept: Mamba's own step sizes kept. "
            "Each model at its best is the better of bare and dropped.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only say what would be trained, what is stored, and how long it takes."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Its results; runs/NAME if left out. Several names have one DIR together, their pages in DIR/NAME.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Spread over the workers of a Ray cluster, or a local one: local."
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Spread over so many GPUs of this machine; with --device cpu, over processes."
        ),
    ] = None,
    per_gpu: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="So many processes on each GPU. It pays where models are small: an ensemble of widths up to 24 leaves "
            "most of an H200 idle, where 6 or 7 are good. Models of the wide engine want a card each.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="MINUTES",
            help="Stop after so long as Ctrl-C does, with exit code 124; the same command goes on.",
        ),
    ] = None,
    unchecked: Unchecked = False,
    wait: Wait = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Trains experiments of the paper or of your own, prints ours beside others', and draws a page into DIR.

    Stopped at any time, the same command goes on.

    \b
    plait reproduce headline
    plait reproduce headline --full -o runs/full
    plait reproduce fig9
    plait reproduce fig4 --only model.d_model=8,12 --only train.seed=0..3
    plait reproduce fig4 --add-pattern my_pkg.my_layer:MyLayer-TF
    plait reproduce fig6 --full --setting bare --dry-run
    plait reproduce fig6 --full --choosing-seeds 8 --gpus 4
    plait reproduce fig4 fig6 --full -o runs/both --gpus 1 --per-gpu 6 --for 25
    plait reproduce my_pkg.my_figure:FIG
    """
    from plait.cli.figures import (
        Place,
        Training,
        check_apart,
        draw,
        print_catalogue,
        print_forecasts,
        train_and_report,
    )
    from plait.paper.catalogue import ask
    from plait.report.constructed import DRAWINGS
    from plait.training.machine import resolve_device
    from plait.training.preflight import check_runs

    resolve_device(device)
    if not names:
        print_catalogue(json=json)
        return
    names = list(dict.fromkeys(names))
    given = any(option is not None for option in (choosing_seeds, ray, gpus, per_gpu, minutes, wait))
    given = given or full or add_pattern or only or setting or dry_run or unchecked
    for name in names:
        if name in DRAWINGS and (len(names) > 1 or given):
            raise ValueError(
                f"{name} is drawn, not trained: ask for it alone, with no other options than -o, --device and --json"
            )
    if names[0] in DRAWINGS:
        draw(names[0], output or Path("runs") / names[0], json=json)
        return
    training = Training(
        ray=ray, gpus=gpus, per_gpu=per_gpu, minutes=minutes, unchecked=unchecked, wait=wait, device=device
    )
    training.check()  # before any figure is read, which takes a while, and before a dry run foretells what cannot be
    places: list[Place] = []
    for name in names:
        asked = ask(
            name,
            full=full,
            setting=setting,
            patterns=add_pattern or (),
            only=only or (),
            fields=parse_choices("--only", only),
        )
        check_runs(asked.part.expand(), unchecked=unchecked)
        places.append(Place.of(asked, output, alone=len(names) == 1, choosing=choosing_seeds))
    check_apart(names, places)
    if dry_run:
        print_forecasts(places, device=device, json=json)
        return
    train_and_report(places, training, json=json)
