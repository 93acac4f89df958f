"""`plait eval`: a saved model on other lengths and distributions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from plait.cli.options import Device, JsonFlag, Params, TaskOption, TrustCode
from plait.cli.output import print_json, print_line, print_table
from plait.cli.values import parse_fields, parse_integers


def evaluate(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Saved models, each measured on the same sequences.")
    ],
    task: TaskOption,
    param: Params = None,
    seq_len: Annotated[str, typer.Option(metavar="N,M,..", help="Lengths to measure at, in tokens.")] = "100",
    sequences: Annotated[int, typer.Option(help="Fresh sequences at each length.")] = 1024,
    seed: Annotated[int, typer.Option(help="Of the sequences.")] = 0,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Carry a state from token to token: memory does not grow with the length. Refused where attention "
            "has no window.",
        ),
    ] = False,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """The accuracy of saved models, on any length and distribution of a task with their vocabulary.

    \b
    plait eval runs/first/_models/* --task selective-copying
    plait eval runs/mine/_models/4be1a0c2d4e5f6071829 --task selective-copying --seq-len 100,200,400
    plait eval my-model --task selective-copying --param variant=adversarial --json
    plait eval my-model --task selective-copying --seq-len 100000 --sequences 4 --stream
    """
    from plait.model import load
    from plait.tasks import parse_task
    from plait.training.machine import resolve_device
    from plait.training.measure import measure

    place = resolve_device(device)
    wanted = parse_task(task, parse_fields("--param", param))
    lengths = parse_integers("--seq-len", seq_len)
    columns = ("seq_len", "sequences", "correct", "scored", "accuracy", "interval")
    columns += ("state_bytes",) if stream else ()
    measured: list[dict[str, Any]] = []
    for folder in folders:
        model = load(folder, trust_code=trust_code).to(place)
        how = {"sequences": sequences, "seed": seed, "streamed": stream}
        found = [measure(model, wanted, seq_len=n, **how) for n in lengths]
        rows = [{name: getattr(entry, name) for name in columns} for entry in found]
        measured.append({"model": str(folder), "task": task, "seed": seed, "results": rows})
        if not json:
            print_table(f"{folder} on {task}", columns, [list(row.values()) for row in rows])
    if json:
        print_json(measured[0] if len(measured) == 1 else measured)
        return
    print_line("interval: Wilson, 95%, with the scored tokens taken as independent")
    if stream:
        print_line("state_bytes: carried from token to token, for all sequences that are read together")
