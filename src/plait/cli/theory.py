"""`plait bounds` and `plait check`: lower bounds, and the certificates that prove them."""

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, Params, TaskName, TrustCode, check_device
from plait.cli.output import plain_json, print_json, print_line, print_table
from plait.cli.values import parse_fields, parse_span

MOST_SHOWN = 128
"""Bits of a number of states that a line still shows."""

if TYPE_CHECKING:
    from plait.advisor.bounds import SizedBounds
    from plait.theory import BoundRow


def bounds_command(
    task: TaskName,
    param: Params = None,
    seq_len: Annotated[int, typer.Option(help="Tokens of an input.")] = 100,
    error: Annotated[
        str, typer.Option(metavar="D", help="Average error allowed of the SSM, in [0, 1).")
    ] = "0",
    span: Annotated[
        str | None,
        typer.Option("--range", metavar="NAME=A..B", help="Sizes of a parameter: A, 2A, 4A, .., B."),
    ] = None,
    frontier: Annotated[
        bool,
        typer.Option("--frontier", help="Bits that recurrent states need beside windows, by their reach."),
    ] = False,
    reach: Annotated[
        str | None,
        typer.Option(metavar="N,M,..", help="Of --frontier: these reaches alone, in tokens."),
    ] = None,
    automaton: Annotated[
        bool,
        typer.Option("--automaton", help="The task's automaton alone; exits with 2 where none is found."),
    ] = False,
    model: Annotated[
        list[Path] | None,
        typer.Option(metavar="CONFIG", help="Of --frontier: a model beside the curve; may be repeated."),
    ] = None,
    trust_code: TrustCode = False,
    seconds: Annotated[
        float, typer.Option(help="Of each search, or of a whole frontier, for a task of your own.")
    ] = 20,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Certificates and plots go there."),
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """What pure models need at least to solve a task, beside what a proved hybrid holds, where one is known.

    Pure SSMs are bounded in the state that they carry, pure windowed attention in its windows. For a task of your
    own bounds are searched: true ones, at the confidence that their certificates reach, but better ones may exist.

    \b
    plait bounds selective-copying --seq-len 100
    plait bounds associative-recall --param n_words=64 --error 0.01 -o certificates
    plait bounds selective-copying --range n_words=8..1024 -o bounds
    plait bounds selective-copying --frontier --model my-model -o bounds
    plait bounds my_task:DelayedCopy --seq-len 20 --seconds 5 -o certificates
    plait bounds needle --automaton
    """
    check_device(device)
    params = parse_fields("--param", param)
    if automaton:
        if frontier or span is not None or error != "0":
            raise ValueError("--automaton stands alone: leave out --frontier, --range and --error")
        _show_automaton(task, params, seq_len=seq_len, seconds=seconds, json=json)
        return
    if frontier:
        if span is not None or error != "0":
            raise ValueError(
                "--frontier is for models without error, at one size: leave out --range and --error"
            )
        from plait.cli.frontier_and_automaton import show_frontier
        from plait.report.frontier import given_models
        from plait.tasks import parse_task

        show_frontier(
            parse_task(task, params),
            {"task": task, "seq_len": seq_len},
            reach=reach,
            models=given_models(model or (), trust_code=trust_code),
            seconds=seconds,
            output=output,
            json=json,
        )
        return
    if reach is not None or model:
        raise ValueError("--reach and --model are for --frontier")
    asked = {"task": task, "seq_len": seq_len, "error": error}
    if span is None:
        _show_one_size(asked, params, seconds=seconds, output=output, json=json)
        return
    from plait.advisor.bounds import bounds_over

    field, sizes = parse_span("--range", span)
    rows = bounds_over(task, params, field=field, sizes=sizes, seq_len=seq_len, error=error, seconds=seconds)
    picture = None if output is None else _write_plot(rows, field, output)
    if json:
        print_json({**asked, "field": field, "sizes": [_brief(row) for row in rows], "plot": picture})
    else:
        _print_sizes(rows, field, asked, picture)


def _show_one_size(
    asked: dict[str, Any], params: dict[str, Any], *, seconds: float, output: Path | None, json: bool
) -> None:
    """The bounds of a task, its automaton and what one layer of attention must carry; certificates as files."""
    from plait.advisor.automaton import automaton_of, depth_of, one_layer_of
    from plait.advisor.bounds import bounds_of
    from plait.cli.frontier_and_automaton import print_automaton
    from plait.tasks import parse_task

    task, seq_len = parse_task(asked["task"], params), asked["seq_len"]
    found = bounds_of(task, seq_len=seq_len, error=asked["error"], seconds=seconds)
    facts = automaton_of(task, seq_len=seq_len, seconds=seconds)
    layer, depth = one_layer_of(task, seq_len), depth_of(task)
    written = {} if output is None else _write_certificates(found.bounds, output, asked["task"])
    if json:
        listed = [plain_json(row) | {"file": written.get(index)} for index, row in enumerate(found.bounds)]
        said = {"automaton": facts, "one_layer": layer, "depth": depth}
        print_json({**asked, "bounds": listed, "hybrid": found.hybrid, **said})
        return
    _print_bounds(found, asked)
    print_automaton(task, facts)
    if layer is not None:
        print_line(f"{layer.statement} (docs/theory.md, Theorem 15.1)")
    if depth is not None:
        print_line(f"{depth} (docs/theory.md, section 15)")
    for index, row in enumerate(found.bounds):
        if index in written:
            print_line(f"certificate {written[index]}")
        elif output is not None and row.bound is not None and row.bound.value:
            print_line(f"{row.model}: no certificate, it would be too long; docs/theory.md proves the bound")


def _show_automaton(name: str, params: dict[str, Any], *, seq_len: int, seconds: float, json: bool) -> None:
    """Raises:
    ValueError: a task of which no automaton was found; the message says what was tried.
    """
    from plait.advisor.automaton import automaton_of
    from plait.cli.frontier_and_automaton import print_automaton
    from plait.tasks import parse_task

    task = parse_task(name, params)
    facts = automaton_of(task, seq_len=seq_len, seconds=seconds)
    if facts.counting is None:
        raise ValueError(f"no automaton of {name} was found, so it may not be finite-state: {facts.missing}")
    if json:
        print_json({"task": name, "seq_len": seq_len, "automaton": facts})
    else:
        print_automaton(task, facts)


def check_command(
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
    """Accepts a certificate or refuses it, with the reason; everything is recomputed.

    A refused one exits with 1; a file that holds no JSON object is a mistake, and exits with 2.

    \b
    plait check certificates/needle-state-bits.json
    """
    from plait.tasks import parse_task
    from plait.theory import check_file

    check_device(device)
    if task is None and param:
        raise ValueError("--param needs --task")
    own = None if task is None else parse_task(task, parse_fields("--param", param))
    if not certificate.is_fifo():  # to open one that nobody writes into would wait without end
        certificate.open("rb").close()
    verdict = check_file(certificate, task=own)
    if not verdict.readable:
        raise ValueError(f"{certificate}: {verdict.reason}")
    if json:
        print_json(verdict)
    else:
        print_line(f"{'accepted' if verdict.accepted else 'refused'}: {verdict.reason}")
    if not verdict.accepted:
        raise typer.Exit(CHECK_FAILED)


def _brief(row: "SizedBounds") -> dict[str, Any]:
    """A size without statements and certificates."""
    names = ("model", "needs", "unit", "value")
    listed = [{name: getattr(entry, name) for name in names} for entry in row.bounds]
    return {"size": row.size, "bounds": listed, "hybrid": row.hybrid}


def _print_bounds(found: "SizedBounds", asked: dict[str, Any]) -> None:
    rows: list[tuple[Any, ...]] = [
        (row.model, f"needs: {row.needs}", row.value, row.unit, _by(row)) for row in found.bounds
    ]
    if found.hybrid is not None:
        cost = found.hybrid.cost
        name = f"hybrid {found.hybrid.pattern}, {cost.parameters:,} parameters"
        by = "proved" if found.hybrid.proved else "usual rounding"
        rows.append((name, "holds: state and cache together", cost.state_bits, "bits", by))
    print_table(_title(asked), ("model", "what", "amount", "unit", "by"), rows)
    for row in found.bounds:
        print_line(f"{row.model}: {row.note}")
        if row.bound is not None and (states := row.bound.states) and states.bit_length() <= MOST_SHOWN:
            print_line(f"{row.model}: exactly {states:,} states are needed, and enough")
    if found.hybrid is not None:
        every = found.hybrid.success == 1
        share = "every scored position" if every else f"{found.hybrid.success:.0%} of all scored positions"
        print_line(
            f"hybrid {found.hybrid.pattern}: right at {share}, the smallest layout that float32 carries: "
            f"{found.hybrid.layout}"
        )


def _print_sizes(
    rows: "tuple[SizedBounds, ...]", field: str, asked: dict[str, Any], plot: str | None
) -> None:
    models = dict.fromkeys(entry.model for row in sorted(rows, key=_columns) for entry in row.bounds)
    columns = [field, *models, "hybrid", "its parameters", "its state bits"]
    table: list[list[Any]] = []
    for row in rows:
        values = {entry.model: entry.value for entry in row.bounds}
        hybrid = row.hybrid
        held = (
            (None, None, None)
            if hybrid is None
            else (hybrid.pattern, hybrid.cost.parameters, hybrid.cost.state_bits)
        )
        table.append([row.size, *(values.get(model) for model in models), *held])
    print_table(f"{_title(asked)}: bits of state, tokens of windows", columns, table)
    if plot is not None:
        print_line(f"plot {plot}")


def _columns(row: "SizedBounds") -> int:
    return -len(row.bounds)


def _title(asked: dict[str, Any]) -> str:
    return f"{asked['task']}, {asked['seq_len']} tokens, error {asked['error']}"


def _write_plot(rows: "tuple[SizedBounds, ...]", field: str, folder: Path) -> str:
    from plait.files import write_whole
    from plait.report import svg_text
    from plait.report.frontier_plot import bounds_plot

    path = folder / "bounds.svg"
    svg = svg_text(bounds_plot(rows, field=field), name="bounds")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, svg.encode())
    return str(path)


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


def _by(row: "BoundRow") -> str | None:
    """On what authority: a proof, or a probability; of what a search found, better may exist."""
    if row.bound is None or (row.bound.found and not row.bound.value):
        return None
    confidence = row.bound.confidence
    sampled = "" if confidence == 1 else f"sampled, 1 - {float(1 - confidence):.0g}"
    if row.bound.found:
        return f"found, {sampled}" if sampled else "found"
    return sampled or "proved"
