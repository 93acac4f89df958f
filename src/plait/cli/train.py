"""`plait train`: one ensemble trained."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from json import dumps as to_json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.checks import check_choice, counted, parse_seeds
from plait.cli.options import (
    SWEPT,
    Device,
    JsonFlag,
    Params,
    TaskOption,
    Unchecked,
    Wait,
    layer_options,
    make_run,
    parse_window,
    refuse_twice,
)
from plait.cli.output import messages, print_json, print_line, print_table
from plait.cli.values import parse_fields, parse_numbers

if TYPE_CHECKING:
    import polars as pl

    from plait.experiments import Experiment
    from plait.training import Run
    from plait.training.logs import Log


def train_command(
    context: typer.Context,
    task: TaskOption = "selective-copying",
    param: Params = None,
    pattern: Annotated[
        str, typer.Option(help="Layers, input first: SSM-TF, (SSM*5-TF)*2, (SSM|TF)-TF, module:Class-TF.")
    ] = "SSM-TF",
    d_model: Annotated[int, typer.Option(help="Width.")] = 8,
    window: Annotated[
        str, typer.Option(metavar="N|full", help="Tokens that attention sees, the query included.")
    ] = "20",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 4000,
    batch: Annotated[int, typer.Option(help="Sequences a step.")] = 8,
    seq_len: Annotated[int, typer.Option(help="Tokens a sequence.")] = 100,
    seeds: Annotated[
        str, typer.Option(metavar="A..B|A,B,..", help="One member of the ensemble for each.")
    ] = "0",
    lrs: Annotated[
        str, typer.Option(metavar="X,Y,..", help="Learning rates, each trained with every seed.")
    ] = "0.01",
    model: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=JSON", help="Any other field of HybridConfig.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME.OPTION=JSON", help="An option of one kind of layer, as GDN.heads=2."),
    ] = None,
    train: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=JSON", help="Any other field of Train.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Keep the results; go on where they end."),
    ] = None,
    save_models: Annotated[
        bool, typer.Option("--save-models", help="Keep the trained models in DIR/_models.")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="ensemble: many small models at once; wide: one after the other; fsdp: one over the processes that "
            "torchrun started; auto: by width.",
        ),
    ] = "auto",
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="csv, tensorboard or wandb: loss and accuracy while training, in DIR/_log; several as csv,wandb.",
        ),
    ] = None,
    unchecked: Unchecked = False,
    wait: Wait = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and stop.")] = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Trains one run, or an ensemble of seeds and learning rates, and measures it on fresh sequences.

    Its numbers are the same on any number of threads, but where layers of your own compute in PyTorch's operations:
    there the last bits depend on it, and rows say the number.

    \b
    plait train --steps 400 --seeds 0..3
    plait train --task needle --pattern TF-TF --d-model 16 --window full --lrs 0.003,0.01 --seeds 0..7 -o runs/needle
    plait train --pattern GDN-TF --layer GDN.heads=2 --layer GDN.d_k=4 --steps 400
    plait train --steps 400 -o runs/watched --log csv
    plait train --param numbers=[1,2,3] --model n_heads=2 --train clip=0.5 -o runs/mine --save-models
    plait train --task plait.tasks.packed:Packed --d-model 1024 --seq-len 200 --engine wide --train products=bfloat16
    torchrun --nproc-per-node 2 -m plait.cli train --d-model 1024 --engine fsdp -o runs/two
    """
    from plait.experiments import Experiment
    from plait.training.engines import engine_for
    from plait.training.machine import resolve_device
    from plait.training.preflight import check_run

    given = {"pattern": pattern, "d_model": d_model, "window": parse_window(window)}
    protocol = {"steps": steps, "batch": batch, "seq_len": seq_len}
    fields, further = parse_fields("--model", model), parse_fields("--train", train)
    fields |= layer_options(fields, layer)
    rates, chosen = parse_numbers("--lrs", lrs), parse_seeds(seeds)
    refuse_twice(context, "--model", fields, {name: name for name in given})
    refuse_twice(context, "--train", further, {name: name for name in protocol} | SWEPT)
    run = make_run(task, parse_fields("--param", param), model=given | fields, train=protocol | further)
    experiment = Experiment(
        name="train",
        question="How well is this run learnt?",
        base=run,
        vary={("model.pattern", "model.d_model"): ((run.model.pattern, run.model.d_model),)},
        sweep={
            "train.lr": (run.train.lr,) if "lr" in further else rates,
            "train.seed": (run.train.seed,) if "seed" in further else chosen,
        },
    )
    members = experiment.expand()
    if save_models and output is None:
        raise ValueError("--save-models needs a folder to keep them in: -o DIR")
    logs = _logs(log or [], output)
    resolve_device(device)
    parted = _is_parted(engine, members, log)
    engine_for(run, "wide" if parted else engine)
    parameters = check_run(members[0], unchecked=unchecked)
    if dry_run:
        _print_plan(run, parameters, len(members), json=json)
        return
    with nullcontext(output) if output is not None else _passing_folder() as place:
        if parted:
            how = {
                "unchecked": unchecked,
                "resumable": output is not None,
                "save_models": save_models,
                "wait": wait,
            }
            rows = _trained_together(experiment, place, how, device=device)
        else:
            how = {"unchecked": unchecked, "engine": engine, "logs": logs}
            rows = _trained(experiment, place, how, device=device, save_models=save_models, wait=wait)
    if rows is None:  # another process prints
        return
    _print_rows(experiment, rows, output if save_models else None, json=json)


@contextmanager
def _passing_folder() -> Generator[Path]:
    """A folder that is gone afterwards, with what a Ctrl-C leaves in it."""
    from tempfile import TemporaryDirectory

    from plait.experiments.notes import BEGINS_ANEW, Stopped

    with TemporaryDirectory() as folder:
        try:
            yield Path(folder)
        except KeyboardInterrupt:
            raise Stopped(f"stopped: nothing is saved without -o DIR; {BEGINS_ANEW}") from None


def _is_parted(engine: str, members: "Sequence[Run]", log: list[str] | None) -> bool:
    """Raises:
    ValueError: an unknown engine; several members, or a log, of what several processes train together.
    """
    from plait.training.engines import ENGINES

    check_choice("engine", engine, (*ENGINES, "fsdp"))
    if engine != "fsdp":
        return False
    if len(members) > 1:
        raise ValueError(
            f"engine fsdp trains one model over all processes: give one seed and one rate, got {len(members)} members"
        )
    if log:
        raise ValueError("engine fsdp writes no --log")
    return True


def _trained_together(
    experiment: "Experiment", folder: Path, how: Mapping[str, Any], *, device: str
) -> "pl.DataFrame | None":
    """`how` goes to `run_over_processes`; the row, None but on the first process."""
    from plait.experiments import LiveProgress
    from plait.experiments.over_processes import run_over_processes
    from plait.training.fsdp.processes import is_first

    (run,) = experiment.expand()
    with LiveProgress(experiment, messages()) if is_first() else nullcontext() as watch:
        return run_over_processes(run, folder, device=device, watch=watch, **how)


def _logs(kinds: list[str], folder: Path | None) -> "list[Log]":
    """Raises:
    ValueError: a kind given twice, an unknown one, one whose library is not there, or no folder to write into.
    """
    from plait.experiments.folder import LOG
    from plait.training.logs import log_to

    kinds = [kind for given in kinds for kind in given.split(",")]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"each --log may be given once, got {', '.join(kinds)}")
    logs = [log_to(kind, (folder or Path()) / LOG / kind) for kind in kinds]
    if kinds and folder is None:
        raise ValueError(f"--log {kinds[0]} needs a folder to write into: -o DIR")
    return logs


def _trained(
    experiment: "Experiment",
    folder: Path,
    how: Mapping[str, Any],
    *,
    device: str,
    save_models: bool,
    wait: float | None,
) -> "pl.DataFrame":
    """`how` goes to `plait.training.train`, but its `logs`, which are called and closed."""
    from plait.experiments import LiveProgress, run_experiment
    from plait.experiments.runner import plait_train
    from plait.experiments.saved_models import check_models, saving_train
    from plait.training.watching import together

    if save_models:
        check_models(folder, experiment.expand())
    logs, how = how["logs"], {name: value for name, value in how.items() if name != "logs"}
    with ExitStack() as stack:
        watch = stack.enter_context(LiveProgress(experiment, messages()))
        for log in logs:
            stack.callback(log.close)
        how["callback"] = together([watch.saw, *logs])
        saving = saving_train(folder, **how) if save_models else plait_train(**how)
        rows = run_experiment(experiment, folder, train=saving, device=device, watch=watch, wait=wait)
    if save_models:
        check_models(folder, experiment.expand())  # another process may have trained them, and kept none
    return rows


def _print_plan(run: "Run", parameters: int, members: int, *, json: bool) -> None:
    document = run.to_json() | {"parameters": parameters, "members": members}
    if json:
        print_json(document)
        return
    for name, value in document.items():
        text = " ".join(f"{k}={to_json(v)}" for k, v in value.items()) if isinstance(value, dict) else value
        print_line(f"{name:<12}{text}")


def _print_rows(experiment: "Experiment", rows: "pl.DataFrame", folder: Path | None, *, json: bool) -> None:
    from plait.experiments import cells, summarise
    from plait.experiments.saved_models import model_folder

    columns = ("lr", "seed", "parameters", "accuracy", "correct", "scored", "select_accuracy", "diverged_at")
    rows = rows.sort("lr", "seed")
    (cell,) = cells(experiment, rows)
    best = summarise(cell)
    members: list[dict[str, Any]] = rows.select("member", *columns, "loss_steps", "losses").to_dicts()
    if folder is not None:
        for row in members:
            row["model"] = str(model_folder(folder, row["member"]))
    if json:
        chosen = {
            "lr": best.lr, "seeds": best.seeds, "mean": best.mean, "sd": best.sd, "interval": best.interval
        }  # fmt: skip
        print_json({"run": experiment.base.to_json(), "members": members, "chosen": chosen})
        return
    listed = (*columns, *(("model",) if folder is not None else ()))
    print_table("", listed, [[row[name] for name in listed] for row in members])
    spread = "" if best.sd is None else f", standard deviation {best.sd:.4f}"
    threads = {row["threads"] for row in rows.iter_rows(named=True) if row["threads"] is not None}
    if threads:
        several = " or ".join(map(str, sorted(threads)))
        print_line(
            f"computed in PyTorch's operations on {several} thread{'s' * (threads != {1})} "
            "(OMP_NUM_THREADS): on another number the last bits differ"
        )
    print_line(
        f"learning rate {best.lr:g}, the best on separate sequences: mean accuracy {best.mean:.4f} "
        f"over {counted(best.seeds, 'seed')}{spread}"
    )
