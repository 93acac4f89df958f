"""`plait memory`: what a model holds, from its config alone."""

from collections.abc import Sequence
from itertools import pairwise
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plait.cli.options import Device, JsonFlag, TrustCode, check_device
from plait.cli.output import print_json, print_line, print_table
from plait.cli.values import parse_bytes, parse_lengths

if TYPE_CHECKING:
    from plait.advisor.plans import MemoryPlan
    from plait.advisor.sheets import Sheet
    from plait.advisor.sizing import Curve, Sized, SizingRequest
    from plait.memory import Architecture
    from plait.model import HybridConfig


def memory(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG", help="A config.json, or a folder that holds one.")
    ],
    seq_len: Annotated[
        str,
        typer.Option(metavar="N,M,..", help="Tokens read so far, such as 1000,4k,1M; a line each."),
    ] = "4096",
    batch: Annotated[int, typer.Option(help="Sequences at once.")] = 1,
    dtype: Annotated[
        str | None, typer.Option(help="Of the model, such as bf16; the config's own if left out.")
    ] = None,
    weights_dtype: Annotated[
        str | None, typer.Option(help="Of the layers' matrices: fp8, int8, int4, nf4, mxfp4, nvfp4, ..")
    ] = None,
    kv_dtype: Annotated[str | None, typer.Option(help="Of cached keys and values, such as fp8.")] = None,
    state_dtype: Annotated[str | None, typer.Option(help="Of recurrent states, such as fp32.")] = None,
    serving: Annotated[
        str | None, typer.Option(metavar="vllm", help="Count states and pages as that server keeps them.")
    ] = None,
    page: Annotated[
        int | None, typer.Option(metavar="TOKENS", help="Of --serving: tokens of a page; 16 if left out.")
    ] = None,
    phase: Annotated[
        str, typer.Option(metavar="decode|prefill", help="After a step, or after one pass over all.")
    ] = "decode",
    fits: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Which sequences fit into it, such as 80GiB.")
    ] = None,
    generic: Annotated[
        bool, typer.Option("--generic", help="Read an unknown model type by the usual names.")
    ] = False,
    cost: Annotated[bool, typer.Option("--cost", help="Also the operations and bytes of a pass.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw what is held against the length.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.html", help="A page of all of it.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Which mixes of its layers theory rules out for a demand.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Of --plan: state that one sequence may hold.")
    ] = None,
    items: Annotated[int | None, typer.Option(help="Of --plan: words to recall exactly.")] = None,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Weights and working memory of plait models or Hugging Face config.json files.

    Also from which length on a model holds less than with full attention, what it can recall at most, and what fits.

    \b
    plait memory my-model --seq-len 1000
    plait memory jamba/config.json llama/config.json --seq-len 4k,32k,256k --dtype bf16 --fits 80GiB
    plait memory jamba/config.json --batch 8 --weights-dtype int4 --kv-dtype fp8 --serving vllm -o jamba.html
    plait memory jamba/config.json --plan --budget 64MiB --seq-len 32k --items 1000
    """
    from plait.advisor.sizing import SizingRequest, size_models
    from plait.memory import Storage
    from plait.memory.architecture import read_model
    from plait.memory.formats import PAGE

    check_device(device)
    if page is not None and serving is None:
        raise ValueError("--page is a server's: give --serving vllm too")
    asked = SizingRequest(
        lengths=parse_lengths("--seq-len", seq_len),
        batch=batch,
        dtype=dtype,
        phase=phase,
        storage=Storage(
            kv=kv_dtype,
            state=state_dtype,
            weights=weights_dtype,
            serving=serving,
            page=PAGE if page is None else page,
        ),
        budget=None if fits is None else parse_bytes("--fits", fits),
        cost=cost,
    )
    if not plan and (budget is not None or items is not None):
        raise ValueError("--budget and --items belong to --plan; --fits BYTES says which sequences fit")
    if json and plot:
        raise ValueError("--plot draws on a terminal: leave out --json")
    models = [read_model(path, generic=generic, trust_code=trust_code) for path in configs]
    if plan:
        _plan(models, asked, budget=budget, items=items, json=json)
        return
    found = size_models([(str(path), model) for path, model in zip(configs, models, strict=True)], asked)
    if output is not None:
        _write_page(found, asked, output)
    if json:
        documents = [one.to_json() for one in found]
        print_json(documents[0] if len(found) == 1 else {"models": documents})
    else:
        _print(found, asked, plot=plot)


def _print(found: "list[Sized]", asked: "SizingRequest", *, plot: bool) -> None:
    print_sized(found)
    if plot:
        from plait.advisor.sizing import curves

        print_line()
        for line in text_plot(curves(found, asked)):
            print_line(line)


def _write_page(found: "list[Sized]", asked: "SizingRequest", path: Path) -> None:
    from plait.advisor.sizing import curves
    from plait.report import write_html
    from plait.report.sizes import sizes_report

    write_html(sizes_report(found, curves(found, asked)), path)


def _plan(
    models: "list[HybridConfig | Architecture]",
    asked: "SizingRequest",
    *,
    budget: str | None,
    items: int | None,
    json: bool,
) -> None:
    from plait.memory.formats import OWN

    if budget is None or items is None or len(asked.lengths) != 1:
        raise ValueError("--plan needs --budget BYTES, --items N and one --seq-len")
    if len(models) != 1:
        raise ValueError(f"--plan takes one CONFIG, got {len(models)}")
    if asked.storage != OWN or asked.budget is not None:
        raise ValueError("--plan counts in --dtype alone, without other formats, --serving or --fits")
    from plait.advisor import plan

    made = plan(
        models[0],
        budget=parse_bytes("--budget", budget),
        seq_len=asked.lengths[0],
        items=items,
        dtype=asked.dtype,
    )
    print_json(made.to_json()) if json else print_plan(made)


def print_sized(found: "Sequence[Sized]") -> None:
    """One model by its layers, or by lengths if there are several; several models beside each other."""
    from plait.advisor.sheets import (
        costs_sheet,
        fits_told,
        layers_sheet,
        lengths_sheet,
        limits_told,
        models_sheet,
        totals_sheet,
        weights_told,
        without_names,
    )

    one, alone = found[0], len(found) == 1
    if alone:
        print_line(weights_told(one))
    else:
        _print_sheet(models_sheet(found))
    sheets = [totals_sheet(found), *([costs_sheet(found)] if one.costs else ())]
    if alone and len(one.reports) == 1:
        _print_sheet(layers_sheet(one.reports[0]))
    else:
        sheets.insert(0, lengths_sheet(found))
    for sheet in sheets:
        _print_sheet(without_names(sheet) if alone else sheet)
    for named in found:
        before = "" if alone else f"{named.name}: "
        for line in limits_told(named):
            print_line(f"{before}{line}")
    for line in fits_told(one):
        print_line(line)
    _print_notes(found)


def print_plan(plan: "MemoryPlan") -> None:
    """The mixes of a model's layers, and what rules them out."""
    from plait.advisor.sheets import plan_sheet

    _print_sheet(plan_sheet(plan))
    cited = {
        reason.statement: f"{reason.bound} ({reason.source}): {reason.statement} {reason.scope}"
        for candidate in plan.candidates
        for reason in candidate.exclusions
        if reason.bound != "budget"
    }
    for line in (*cited.values(), *plan.notes):
        print_line(line)
    print_line(f"no causal model does with less than {plan.least_bytes:,} bytes; {plan.scope}")


def _print_sheet(sheet: "Sheet") -> None:
    print_table(sheet.title, [f"{h.name}\n[{h.unit}]" if h.unit else h.name for h in sheet.heads], sheet.rows)


def _print_notes(found: "Sequence[Sized]") -> None:
    """Each note once, with the models it is about where it is not about all."""
    from plait.advisor.sheets import notes_of

    about: dict[str, list[str]] = {}
    for one in found:
        for note in notes_of(one):
            about.setdefault(note, []).append(one.name)
    for note, names in about.items():
        of = "" if len(names) == len(found) else f" on {', '.join(names)}"
        print_line(f"note{of}: {note}")


PLOT_WIDTH, HEIGHT = 64, 16
"""In characters: with the numbers at its side it fits into a terminal of 80 columns."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text_plot(curves: "Sequence[Curve]") -> list[str]:
    """Lines of text; where two curves meet stands the later one's letter, and what holds nothing is not drawn.

    Raises:
        ValueError: more curves than letters.
    """
    if len(curves) > len(LETTERS):
        raise ValueError(f"at most {len(LETTERS)} curves can be drawn at once, got {len(curves)}")
    drawn = [(x, y) for curve in curves for x, y in curve.points if y]
    if not drawn:
        return ["nothing is held at any length"]
    xs, ys = ([point[axis] for point in drawn] for axis in (0, 1))
    grid = [[" "] * PLOT_WIDTH for _ in range(HEIGHT)]
    for letter, curve in zip(LETTERS, curves, strict=False):
        for x, y in _dense(curve):
            row = HEIGHT - 1 - round(_share(y, min(ys), max(ys)) * (HEIGHT - 1))
            grid[row][round(_share(x, min(xs), max(xs)) * (PLOT_WIDTH - 1))] = letter
    marks = {0: _amount(max(ys)), HEIGHT - 1: _amount(min(ys))}
    lines = ["held against length, both logarithmic"]
    lines += [f"{marks.get(i, ''):>12} |{''.join(row).rstrip()}" for i, row in enumerate(grid)]
    ends = f"{min(xs):,} tokens", f"{max(xs):,} tokens"
    lines.append(f"{'':>12} +{'-' * PLOT_WIDTH}")
    lines.append(f"{'':>14}{ends[0]}{ends[1]:>{PLOT_WIDTH - len(ends[0])}}")
    lines += [f"{letter} {curve.name}" for letter, curve in zip(LETTERS, curves, strict=False)]
    return lines


def _dense(curve: "Curve") -> list[tuple[float, float]]:
    """Points between points, straight in logarithms."""
    held = [(float(x), float(y)) for x, y in curve.points if y]
    found = held[:1]
    for (x0, y0), (x1, y1) in pairwise(held):
        found += [(x0 * (x1 / x0) ** (k / 16), y0 * (y1 / y0) ** (k / 16)) for k in range(1, 17)]
    return found


def _share(value: float, low: float, high: float) -> float:
    return 0.0 if high <= low else min(max(log(value / low) / log(high / low), 0.0), 1.0)


def _amount(n: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if n >= 1 << power:
            return f"{n / (1 << power):,.4g} {unit}"
    return f"{n:,} bytes"
