"""`plait reproduce`: an experiment of the paper or of one's own, trained and reported."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.options import Device, JsonFlag, Unchecked, Wait
from plait.cli.output import messages, out, print_json, print_line, print_table
from plait.cli.values import parse_choices

if TYPE_CHECKING:
    from plait.experiments import Experiment
    from plait.paper.asked import Request

REPORT = "report.html"


def reproduce(
    name: Annotated[
        str | None,
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
    setting: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Initial weights, dropout and choice of the rate of one protocol. as-run: the paper's released "
            "program, and how the paper's figures are trained unless another is asked for; bare: its initial weights, "
            "no dropout; dropped: those with dropout .1 after the embedding; kept: Mamba's own step sizes kept. "
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
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Its results; runs/NAME if left out.")
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
    unchecked: Unchecked = False,
    wait: Wait = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Trains an experiment of the paper or of your own, prints ours beside others', and draws a page into DIR.

    Stopped at any time, the same command goes on.

    \b
    plait reproduce headline
    plait reproduce headline --full -o runs/full
    plait reproduce fig9
    plait reproduce fig4 --only model.d_model=8,12 --only train.seed=0..3
    plait reproduce fig4 --add-pattern my_pkg.my_layer:MyLayer-TF
    plait reproduce fig6 --full --setting bare --dry-run
    plait reproduce fig6 --full --gpus 4
    plait reproduce my_pkg.my_figure:FIG
    """
    from plait.paper.asked import ask
    from plait.report.constructed import DRAWINGS
    from plait.training.machine import resolve_device
    from plait.training.preflight import check_runs

    resolve_device(device)
    if name is None:
        _print_catalogue(json=json)
        return
    if name in DRAWINGS:
        if full or add_pattern or only or setting or dry_run:
            raise ValueError(
                f"{name} is drawn, not trained: leave out --full, --add-pattern, --only, --setting and --dry-run"
            )
        _draw(name, output or Path("runs") / name, json=json)
        return
    asked = ask(
        name,
        full=full,
        setting=setting,
        patterns=add_pattern or (),
        only=only or (),
        fields=parse_choices("--only", only),
    )
    folder = output or Path("runs") / asked.figure.name
    check_runs(asked.part.expand(), unchecked=unchecked)
    if dry_run:
        _print_forecast(asked, folder, device=device, json=json)
        return
    if ray is not None:
        from plait.experiments.spread import check_ray

        check_ray()
    if gpus is not None:
        from plait.experiments.cards import card_environments

        if ray is not None:
            raise ValueError("--gpus spreads over this machine and --ray over a cluster: take one of them")
        card_environments(gpus, device)
    spread = {"ray": ray, "gpus": gpus}
    train = functools.partial(_train, spread=spread, unchecked=unchecked, wait=wait, device=device)
    _train_and_report(asked, folder, train, json=json)


def _train_and_report(
    asked: "Request", folder: Path, train: "Callable[[Experiment, Path], None]", *, json: bool
) -> None:
    from plait.experiments import Store
    from plait.report import Report, experiment_report, print_report, write_html
    from plait.report.beside import beside_sections
    from plait.report.ceilings import ceiling_sections
    from plait.report.frontier import frontier_sections
    from plait.report.html import write_figures
    from plait.report.proved import headline_sections

    whole, store = asked.figure.experiment, Store.for_writing(folder)
    known = headline_sections(whole)
    if known and not json:
        print_report(Report(title="plait: before training", question=whole.question, sections=known), out())
        print_line()
    train(asked.part, folder)
    command = f"{asked.command} -o {folder}"
    report = experiment_report(
        asked.figure, store.read(), evaluations=store.read_evaluations(), commands=(command,)
    )
    after = [section.title for section in report.sections][1:]
    rows, evaluations = store.read(), store.read_evaluations()
    end = after[0] if after else None
    beside = (
        *beside_sections(whole, rows),
        *frontier_sections(whole, rows),
        *ceiling_sections(whole, rows, evaluations),
    )
    report = report.with_sections(*beside, before=end)
    full_report = report.with_sections(*known, before=end)
    page, figures = write_html(full_report, folder / REPORT), write_figures(full_report, folder)
    if json:
        files = {"results": str(folder), "page": str(page), "figures": [str(path) for path in figures]}
        print_json(full_report.to_json() | files)
        return
    print_report(report, out())
    print_line(f"\nresults {folder}")
    for path in (page, *figures):
        print_line(f"written {path}")


def _train(
    part: "Experiment",
    folder: Path,
    *,
    spread: Mapping[str, Any],
    unchecked: bool,
    wait: float | None,
    device: str,
) -> None:
    from plait.experiments import LiveProgress, run_experiment
    from plait.experiments.runner import plait_train

    with LiveProgress(part, messages()) as watch:
        here = spread["ray"] is None and spread["gpus"] is None
        # No other process can be given who looks on in this one.
        trainer = plait_train(unchecked=unchecked, callback=watch.saw if here else None)
        if spread["ray"] is not None:
            from plait.experiments.spread import run_on_ray

            run_on_ray(part, folder, address=spread["ray"], train=trainer, device=device, watch=watch)
        elif spread["gpus"] is not None:
            from plait.experiments.cards import run_on_cards

            run_on_cards(part, folder, cards=spread["gpus"], train=trainer, device=device, watch=watch)
        else:
            run_experiment(part, folder, train=trainer, device=device, watch=watch, wait=wait)


def _print_forecast(asked: "Request", folder: Path, *, device: str, json: bool) -> None:
    """What would be trained; seconds are those of this machine."""
    from plait.experiments.forecast import forecast
    from plait.training.display import duration

    found = forecast(asked.part, folder, device=device)
    if json:
        counts = {"members": found.members, "stored": found.stored, "seconds": found.seconds}
        print_json({**counts, "device": found.device, "cells": found.cells})
        return
    rows = [(cell.model, cell.members, cell.stored, duration(cell.seconds)) for cell in found.cells]
    print_table("", ("model", "members", "stored", "time"), rows)
    left = found.members - found.stored
    time = f"about {duration(found.seconds)} on {found.device}" if left else "nothing to do"
    print_line(f"{found.members:,} members, {found.stored:,} stored in {folder}, {left:,} to train: {time}")


def _draw(name: str, folder: Path, *, json: bool) -> None:
    """The page of a construction: nothing is trained."""
    from plait.report import print_report, write_html
    from plait.report.constructed import construction_report
    from plait.report.html import write_figures

    found = construction_report(name)
    page, figures = write_html(found, folder / REPORT), write_figures(found, folder)
    if json:
        print_json(found.to_json() | {"page": str(page), "figures": [str(path) for path in figures]})
        return
    print_report(found, out())
    print_line()
    for path in (page, *figures):
        print_line(f"written {path}")


def _print_catalogue(*, json: bool) -> None:
    from plait.paper import catalogue
    from plait.report.constructed import DRAWINGS

    rows = [
        {
            "name": experiment.name,
            "members": len(experiment.quick_form().expand()),
            "with --full": len(experiment.expand()),
            "question": experiment.question,
        }
        for experiment in (figure.default for figure in catalogue.FIGURES.values())
    ]
    rows += [
        {
            "name": name,
            "members": 0,
            "with --full": 0,
            "question": f"How does the construction of {task} work?",
        }
        for name, task in DRAWINGS.items()
    ]
    if json:
        print_json(rows)
    else:
        print_table("", list(rows[0]), [list(row.values()) for row in rows])
