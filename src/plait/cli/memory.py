"""`plait memory`: what a model holds, from its config alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.options import Device, JsonFlag, TrustCode, check_device
from plait.cli.output import print_json, print_line, print_table
from plait.cli.values import parse_integers

if TYPE_CHECKING:
    from plait.advisor import Plan
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
    cost: Annotated[bool, typer.Option("--cost", help="Also the operations and bytes of a pass.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Which mixes of its layers theory rules out for a demand.")
    ] = False,
    budget: Annotated[
        int | None, typer.Option(metavar="BYTES", help="Of --plan: state that one sequence may hold.")
    ] = None,
    items: Annotated[int | None, typer.Option(help="Of --plan: words to recall exactly.")] = None,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Parameters and working memory of a plait model or a Hugging Face config.json.

    Also from which length on it holds less than with full attention, and what it can recall at most.

    \b
    plait memory my-model --seq-len 1000
    plait memory jamba/config.json --seq-len 4096,32768,262144 --dtype bfloat16 --cost
    plait memory jamba/config.json --plan --budget 67108864 --seq-len 32768 --items 1000
    """
    from plait.memory import Architecture, architecture_of
    from plait.memory.configs import read_model

    check_device(device)
    model = read_model(config, generic=generic, trust_code=trust_code)
    lengths = parse_integers("--seq-len", seq_len)
    if plan:
        if budget is None or items is None or len(lengths) != 1:
            raise ValueError("--plan needs --budget BYTES, --items N and one --seq-len")
        from plait.advisor import plan as make_plan

        made = make_plan(model, budget=budget, seq_len=lengths[0], items=items, dtype=dtype)
        print_json(made.to_json()) if json else _print_plan(made)
        return
    found = model if isinstance(model, Architecture) else architecture_of(model)
    reports = [found.memory(n, batch=batch, dtype=dtype, phase=phase) for n in lengths]
    costs = _costs(found, reports) if cost else []
    limits = _limits(found, dtype)
    if json:
        listed = [report.to_json() for report in reports]
        for entry, made in zip(listed, costs, strict=False):
            entry["cost"] = made.to_json()
        print_json({"model": found.title, "verified": found.verified, **limits, "lengths": listed})
        return
    _print_memory(found, reports)
    if costs:
        _print_costs(costs)
    _print_limits(limits)


def _costs(found: "Architecture", reports: "list[MemoryReport]") -> "list[Cost]":
    from plait.memory import cost

    return [cost(found, r.seq_len, batch=r.batch, dtype=r.dtype, phase=r.phase) for r in reports]


def _limits(found: "Architecture", dtype: str | None) -> dict[str, Any]:
    """Crossing and capacity; for a model of a user's own layers, why there are none."""
    from plait.advisor import capacity
    from plait.memory import crossing

    try:
        return {
            "crossing": crossing(found, dtype=dtype).to_json(),
            "capacity": capacity(found, dtype=dtype).to_json(),
        }
    except ValueError as error:
        return {"crossing": None, "capacity": None, "limits_unknown": str(error)}


def _print_memory(found: "Architecture", reports: "list[MemoryReport]") -> None:
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
            "seq_len", "ssm_state", "conv_tail", "kv_cache", "state_bytes", "stored_bytes", "batch_bytes",
        )  # fmt: skip
        rows = [{name: getattr(report, name) for name in names} for report in reports]
        title = f"one sequence ({first.convention}, {first.phase}); batch_bytes for {first.batch:,}"
    print_table(title, list(rows[0]), [list(row.values()) for row in rows])
    if len(reports) == 1 and first.batch > 1:
        print_line(f"{first.batch:,} sequences: {first.batch_bytes:,} bytes of state")


def _print_costs(costs: "list[Cost]") -> None:
    names = (
        "seq_len", "matmul_flops", "attention_flops", "recurrence_flops", "weight_bytes", "state_bytes",
    )  # fmt: skip
    rows = [[*(getattr(cost, name) for name in names), float(cost.flops_per_byte)] for cost in costs]
    title = f"one {costs[0].phase} pass of one sequence, {costs[0].dtype}"
    print_table(title, (*names, "flops_per_byte"), rows)


def _print_limits(limits: dict[str, Any]) -> None:
    if limits["crossing"] is None:
        print_line(f"note: {limits['limits_unknown']}")
        return
    crossing, capacity = limits["crossing"], limits["capacity"]
    length = crossing["length"]
    less = "at no length" if length is None else f"from {length:,} tokens on"
    print_line(f"less state than with full attention in every layer: {less}")
    print_line(
        f"what does not grow can recall at most {capacity['recall_items']:,} words, "
        f"or a list of {capacity['list_tokens']:,} tokens"
    )
    for note in (*crossing["notes"], *capacity["notes"]):
        print_line(f"note: {note}")


def _print_plan(plan: "Plan") -> None:
    rows = plan.rows()
    title = (
        f"{plan.model}, {plan.dtype}: {plan.items:,} words recalled after {plan.seq_len:,} tokens "
        f"within {plan.budget:,} bytes"
    )
    print_table(title, list(rows[0]), [list(row.values()) for row in rows])
    cited = {
        reason.statement: f"{reason.bound} ({reason.source}): {reason.statement} {reason.scope}"
        for candidate in plan.candidates
        for reason in candidate.exclusions
        if reason.bound != "budget"
    }
    for line in (*cited.values(), *plan.notes):
        print_line(line)
    print_line(f"no causal model does with less than {plan.least_bytes:,} bytes; {plan.scope}")
