"""`plait bounds` and `plait check`: lower bounds, and the certificates that prove them."""

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, Params, TaskName
from plait.cli.output import plain, print_json, print_line, print_table
from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.theory import BoundRow


def bounds(
    task: TaskName,
    param: Params = None,
    seq_len: Annotated[int, typer.Option(help="Tokens of an input.")] = 100,
    error: Annotated[
        str, typer.Option(metavar="D", help="Average error allowed of the SSM, in [0, 1).")
    ] = "0",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write each bound's certificate there."),
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """What pure models need at least to solve a task: state bits without attention, windows without recurrence.

    \b
    plait bounds selective-copying --seq-len 100
    plait bounds associative-recall --param n_words=64 --error 0.01 -o certificates
    """
    from plait.tasks import parse_task
    from plait.theory import bounds_table
    from plait.training.loop import resolve_device

    resolve_device(device)
    rows = bounds_table(parse_task(task, parse_fields("--param", param)), seq_len, error)
    written = {} if output is None else _write_certificates(rows, output, task)
    if json:
        listed = [plain(row) | {"file": written.get(index)} for index, row in enumerate(rows)]
        print_json({"task": task, "seq_len": seq_len, "error": error, "bounds": listed})
        return
    table = [(row.model, row.needs, row.value, row.unit, _confidence(row)) for row in rows]
    print_table(
        f"{task}, {seq_len} tokens, error {error}",
        ("model", "needs", "at least", "unit", "confidence"),
        table,
    )
    for row in rows:
        print_line(f"{row.model}: {row.note}")
    for path in written.values():
        print_line(f"certificate {path}")


def check(
    certificate: Annotated[
        Path, typer.Argument(metavar="CERTIFICATE", help="A file that `plait bounds -o` wrote.")
    ],
    task: Annotated[
        str | None,
        typer.Option(metavar="module:Class", help="Your own task, where the certificate is about one."),
    ] = None,
    param: Params = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Accepts a certificate or refuses it, with the reason; everything is recomputed. Refused ones exit with 1.

    \b
    plait check certificates/needle-state-bits.json
    """
    from plait.tasks import parse_task
    from plait.theory import check_file
    from plait.training.loop import resolve_device

    resolve_device(device)
    if task is None and param:
        raise ValueError("--param needs --task")
    own = None if task is None else parse_task(task, parse_fields("--param", param))
    with certificate.open("rb"):
        verdict = check_file(certificate, task=own)
    if json:
        print_json(verdict)
    else:
        print_line(f"{'accepted' if verdict.accepted else 'refused'}: {verdict.reason}")
    if not verdict.accepted:
        raise typer.Exit(CHECK_FAILED)


def _write_certificates(rows: "tuple[BoundRow, ...]", folder: Path, task: str) -> dict[int, str]:
    """The files by the row that they prove."""
    from plait.files import write_whole

    files: dict[int, str] = {}
    for index, row in enumerate(rows):
        if row.bound is None or row.bound.certificate is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        stem = "-".join((task.replace(":", "-"), *row.bound.quantity.split()))
        taken = sum(Path(path).stem.startswith(stem) for path in files.values())
        path = folder / f"{stem}{f'-{taken + 1}' if taken else ''}.json"
        write_whole(path, f"{json_text.dumps(row.bound.certificate)}\n".encode())
        files[index] = str(path)
    return files


def _confidence(row: "BoundRow") -> Any:
    if row.bound is None:
        return None
    return "proved" if row.bound.confidence == 1 else float(row.bound.confidence)
