"""`plait memory`: what a model holds, from its config alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.options import Device, JsonFlag
from plait.cli.output import print_json, print_line, print_table
from plait.cli.values import parse_integers

if TYPE_CHECKING:
    from plait.memory import Architecture, Cost, MemoryReport


def memory(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A config.json, or a folder that holds one.")
    ],
    seq_len: Annotated[
        str, typer.Option(metavar="N,M,..", help="Tokens read so far; several give a line each.")
    ] = "4096",
    batch: Annotated[int, typer.Option(help="Sequences at once.")] = 1,
    dtype: Annotated[str | None, typer.Option(help="Of the model; the config's own if left out.")] = None,
    phase: Annotated[
        str, typer.Option(metavar="decode|prefill", help="After a step, or after one pass over all.")
    ] = "decode",
    generic: Annotated[
        bool, typer.Option("--generic", help="Read an unknown model type by the usual names.")
    ] = False,
    costs: Annotated[bool, typer.Option("--cost", help="Also the operations and bytes of a pass.")] = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Parameters and working memory of a plait model or a Hugging Face config.json.

    \b
    plait memory my-model --seq-len 1000
    plait memory jamba/config.json --seq-len 4096,32768,262144 --dtype bfloat16 --cost
    """
    from plait.memory import cost
    from plait.memory.configs import read_architecture
    from plait.training.loop import resolve_device

    resolve_device(device)
    lengths = parse_integers("--seq-len", seq_len)
    found = read_architecture(config, generic=generic)
    reports = [found.memory(n, batch=batch, dtype=dtype, phase=phase) for n in lengths]
    passes = [cost(found, n, batch=batch, dtype=dtype, phase=phase) for n in lengths] if costs else []
    if json:
        document = [report.to_json() for report in reports]
        for entry, made in zip(document, passes, strict=False):
            entry["cost"] = made.to_json()
        print_json({"model": found.title, "verified": found.verified, "lengths": document})
        return
    _print(found, reports)
    if passes:
        _print_costs(passes)


def _print(found: "Architecture", reports: "list[MemoryReport]") -> None:
    """By layers for one length, else a line for each."""
    first = reports[0]
    about = (
        f"{found.title}: {first.parameters:,} parameters, {first.parameter_bytes:,} bytes in {first.dtype}"
    )
    print_line(about if found.verified else f"{about} (generic reading, no tested formulas)")
    for note in first.notes:
        print_line(f"note: {note}")
    if len(reports) == 1:
        rows: list[dict[str, Any]] = first.rows()
        title = f"one sequence after {first.seq_len:,} tokens ({first.convention}, {first.phase})"
    else:
        names = (
            "seq_len",
            "ssm_state",
            "conv_tail",
            "kv_cache",
            "state_bytes",
            "stored_bytes",
            "batch_bytes",
        )
        rows = [{name: getattr(report, name) for name in names} for report in reports]
        title = f"one sequence ({first.convention}, {first.phase}); batch_bytes for {first.batch:,}"
    print_table(title, list(rows[0]), [list(row.values()) for row in rows])
    if len(reports) == 1 and first.batch > 1:
        print_line(f"{first.batch:,} sequences: {first.batch_bytes:,} bytes of state")


def _print_costs(passes: "list[Cost]") -> None:
    names = ("seq_len", "matmul_flops", "attention_flops", "recurrence_flops", "weight_bytes", "state_bytes")
    rows = [[*(getattr(made, name) for name in names), float(made.flops_per_byte)] for made in passes]
    title = f"one {passes[0].phase} pass of one sequence, {passes[0].dtype}"
    print_table(title, (*names, "flops_per_byte"), rows)
