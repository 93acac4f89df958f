"""`plait tasks` and `plait label`: what the tasks are, and what their targets are."""

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.options import Device, JsonFlag, Params, TaskName, check_device
from plait.cli.output import plain_json, print_json, print_line
from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.tasks import Task


def tasks_command(
    name: Annotated[
        str | None, typer.Argument(metavar="TASK", help="The task to show; all of them if none is named.")
    ] = None,
    param: Params = None,
    seq_len: Annotated[
        int | None,
        typer.Option(help="Tokens of the example; left out, 24, or as many more as the task needs."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the example.")] = 0,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """The tasks; one of them with a labelled example.

    \b
    plait tasks
    plait tasks selective-copying --param numbers=[1,2] --seq-len 16
    """
    from plait.tasks import TASKS, parse_task

    check_device(device)
    if name is None:
        rows = [_summary(known, task()) for known, task in TASKS.items()]
        if json:
            print_json(rows)
            return
        for row in rows:
            print_line(f"{row['task']:<20}{row['about'].splitlines()[0]}")
        print_line("\nplait tasks NAME shows its parameters and an example with its labels.")
        return
    task = parse_task(name, parse_fields("--param", param))
    document = _summary(name, task) | {"token_names": list(task.token_names)}
    document |= {"example": _shown(task, seq_len, seed=seed, device=device)}
    if json:
        print_json(document)
    else:
        _print_task(task, document)


def label_command(
    task: TaskName,
    tokens: Annotated[
        str, typer.Option(metavar="FILE", help="JSON: a list of rows of tokens; - reads stdin.")
    ],
    param: Params = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """The targets of given token rows: JSON in, JSON of the same shape out, null where nothing is scored.

    \b
    echo '[[0, 26, 1, 2, 3, 4, 5]]' | plait label selective-copying --tokens -
    plait label needle --tokens rows.json --param n_words=50
    """
    from plait.files import parse_json, read_json
    from plait.tasks import parse_task
    from plait.tasks.rows import label_rows

    check_device(device)
    labelled = parse_task(task, parse_fields("--param", param))
    stdin = tokens == "-"
    rows = parse_json(sys.stdin.buffer.read(), "stdin") if stdin else read_json(Path(tokens))
    targets = label_rows(labelled, rows, device=_place(labelled, device))
    if json:
        print_json(targets)
    else:
        print_rows(targets)


def print_rows(rows: list[list[int | None]]) -> None:
    """JSON with one row a line."""
    import json

    print_line("[" + ",\n ".join(json.dumps(row) for row in rows) + "]")


def _place(task: "Task", device: str) -> Any:
    """Where to label: a task with a plain definition needs no torch, unless a GPU was asked for."""
    from plait.tasks.rows import is_defined

    if device != "cuda" and is_defined(task):
        return "cpu"
    from plait.training.machine import resolve_device

    return resolve_device(device)


def _summary(name: str, task: "Task") -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if dataclasses.is_dataclass(task):
        parameters = {field.name: _parameter(getattr(task, field.name)) for field in dataclasses.fields(task)}
    from plait.tasks import Composition

    module = inspect.getmodule(type(task))
    about = (module and inspect.getdoc(module)) or inspect.getdoc(type(task)) or ""
    composition: Any = getattr(task, "composition", None)
    return {
        "task": name,
        "vocab_size": task.vocab_size,
        "parameters": parameters,
        "about": about.strip(),
        "composition": dataclasses.asdict(composition) if isinstance(composition, Composition) else None,
    }


def _parameter(value: Any) -> Any:
    """As --param takes it, a task within a task by name and parameters."""
    from plait.tasks import Task
    from plait.tasks.registry import task_to_json

    return task_to_json(value) if isinstance(value, Task) else value


_EXAMPLE = 24
"""Tokens of an example, where a task takes so few."""
_DOUBLINGS = 4
"""Of the example, for tasks whose rows begin longer."""


def _shown(task: "Task", seq_len: int | None, *, seed: int, device: str) -> dict[str, Any]:
    """Raises:
    ValueError: a length that the task refuses.
    """
    if seq_len is not None:
        return _example(task, seq_len=seq_len, seed=seed, device=device)
    said: list[str] = []
    for doubled in range(_DOUBLINGS + 1):
        try:
            return _example(task, seq_len=_EXAMPLE << doubled, seed=seed, device=device)
        except ValueError as error:
            said.append(str(error))
    if said[0] == said[-1]:  # whatever the length
        raise ValueError(said[0])
    raise ValueError(
        f"examples of {_EXAMPLE} to {_EXAMPLE << _DOUBLINGS} tokens were tried (--seq-len takes another length), of "
        f"which the last says: {said[-1]}"
    )


def _example(task: "Task", *, seq_len: int, seed: int, device: str) -> dict[str, Any]:
    from plait.tasks.plain import drawn_row
    from plait.tasks.rows import is_defined, label_rows

    row = None if device == "cuda" or not is_defined(task) else drawn_row(task, seed=seed, seq_len=seq_len)
    if row is not None:
        return {"tokens": row, "targets": label_rows(task, [row])[0]}
    return _sampled(task, seq_len=seq_len, seed=seed, device=device)


def _sampled(task: "Task", *, seq_len: int, seed: int, device: str) -> dict[str, Any]:
    import torch

    from plait.random import TEST, Stream
    from plait.tasks import sample_labelled
    from plait.tasks.rows import targets_to_rows
    from plait.training.machine import resolve_device

    seeds = torch.tensor([Stream(seed).seed], device=resolve_device(device))
    tokens, targets = sample_labelled(task, Stream(seeds, 0, TEST), batch=1, seq_len=seq_len)
    return {
        "tokens": tokens[0, 0].tolist(),
        "targets": targets_to_rows(type(targets)(*(t[0] for t in targets)))[0],
    }


def _print_task(task: "Task", document: dict[str, Any]) -> None:
    print_line(document["about"])
    print_line(f"\nparameters  {_joined(document['parameters'])}")
    print_line(f"vocabulary  {document['vocab_size']} tokens")
    for part, text in (document["composition"] or {}).items():
        print_line(f"{part:<12}{text}")
    names = task.token_names
    example = document["example"]
    columns = [
        (names[token], "-" if target is None else names[target])
        for token, target in zip(example["tokens"], example["targets"], strict=True)
    ]
    width = max(len(text) for column in columns for text in column) + 1
    per_line = max(1, 88 // width)
    for first in range(0, len(columns), per_line):
        print_line()
        for row, part in enumerate(("tokens", "targets")):
            cells = "".join(column[row].ljust(width) for column in columns[first : first + per_line])
            print_line(f"{part:<12}{cells}".rstrip())


def _joined(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return " ".join(f"{name}={_json(item)}" for name, item in value.items())


def _json(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(plain_json(value), separators=(",", ":"))
