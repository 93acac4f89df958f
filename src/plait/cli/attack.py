"""`plait attack`: inputs that a model cannot tell apart, and the bits that its state provably carries."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plait.checks import counted
from plait.cli.options import Device, JsonFlag, Params, TaskOption, TrustCode
from plait.cli.output import print_json, print_line, print_table, shown
from plait.cli.values import parse_fields

if TYPE_CHECKING:
    from plait.attack import StateAttack, WindowAttack

MOST_RUNS = 12
"""Runs of equal tokens that are shown of an input, from both ends."""


def attack_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A saved model.")],
    task: TaskOption,
    param: Params = None,
    seq_len: Annotated[int, typer.Option(help="Tokens of the inputs.")] = 100,
    samples: Annotated[int, typer.Option(help="Contents of the retrieval game.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of those contents.")] = 0,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A certificate of state bits whose game is played instead."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Of each search, for a task of your own.")] = 20,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Two inputs that a model's windows confuse, and the bits that its state provably carries over a cut.

    \b
    plait attack runs/mine/_models/4be1a0c2d4e5f6071829 --task selective-copying
    plait attack my-model --task associative-recall --param n_words=16 --samples 4000 --json
    """
    from plait.attack import attack as run
    from plait.model import load
    from plait.tasks import parse_task
    from plait.training.machine import resolve_device

    place = resolve_device(device)
    wanted = parse_task(task, parse_fields("--param", param))
    given = None if certificate is None else certificate.read_bytes()
    found = run(
        load(folder, trust_code=trust_code).to(place),
        wanted,
        seq_len=seq_len,
        samples=samples,
        seed=seed,
        certificate=given,
        seconds=seconds,
    )
    if json:
        asked = {"model": str(folder), "task": task, "seq_len": seq_len, "samples": samples, "seed": seed}
        print_json({**asked, "windows": found.windows, "state": found.state})
        return
    _print_windows(found.windows, wanted.token_names)
    print_line()
    if found.state is None:
        print_line(
            "State: this task has no family of contents; give a certificate of state bits (--certificate)."
        )
    else:
        _print_state(found.state, seq_len)


def _print_windows(found: "WindowAttack", names: tuple[str, ...]) -> None:
    print_line(f"Windows: {found.why}.")
    if found.field is None:
        print_line("No two inputs are alike to it because of its windows.")
        return
    safe = "no two inputs" if found.proved else "no two inputs that were found"
    print_line(f"Up to {found.safe_up_to:,} tokens {safe} of different targets are hidden from it.")
    twins = found.twins
    if twins is None:
        return
    rows = [
        (_runs(row, names), names[target], names[answer])
        for row, target, answer in zip(twins.inputs, twins.targets, twins.answers, strict=True)
    ]
    title = f"{len(twins.inputs[0])} tokens, the last {twins.agree} alike"
    print_table(title, ("input", "target at the end", "answer"), rows)
    if twins.difference == 0:
        print_line("The logits at the end are identical to the last bit.")
    else:
        print_line(f"The logits at the end differ by at most {twins.difference:.3g}.")


def _print_state(found: "StateAttack", seq_len: int) -> None:
    played = found.played
    read, queries = counted(found.prefix_length, "token"), counted(found.queries, "query", "queries")
    print_line(f"State: {found.content}, read in {read}, then {queries}.")
    how = "every content once" if played.every else f"{counted(played.drawn, 'content')} drawn"
    error = "no content had all its answers defined"
    if found.error is not None:
        low, high = (shown(limit) for limit in found.error_limits)
        error = f"share of wrong answers {shown(found.error)} (from {low} to {high})"
    print_line(f"{how}; {error}; {played.recovered:,} read back whole.")
    sure = "exact" if found.confidence == 1 else f"at confidence {float(found.confidence):g}"
    rows = [(bound.by, bound.low, bound.measured, bound.high) for bound in found.bounds]
    columns = ("bits carried, by", "at least", "if exactly as measured", "at most by this argument")
    print_table(f"limits {sure}, all together", columns, rows)
    parts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found.held.items() if count)
    sums = [
        ("its state provably carries", found.carried_bits, "the best lower limit"),
        ("a content has", found.content_bits, "no bound from this game is higher"),
        (f"the task needs at {seq_len} tokens", found.needed_bits, "plait bounds"),
        ("its state takes up", found.held_bits, f"scalars: {parts}" if parts else "it holds nothing"),
    ]
    print_table("", ("bits", "", ""), sums)


def _runs(row: tuple[int, ...], names: tuple[str, ...]) -> str:
    """Tokens with repetitions as `b x 40`; the middle of long rows left out."""
    runs = [(names[token], len(list(group))) for token, group in groupby(row)]
    spelled = [f"{name} x {times}" if times > 2 else " ".join([name] * times) for name, times in runs]
    if len(spelled) > MOST_RUNS:
        half = MOST_RUNS // 2
        spelled = [*spelled[:half], "..", *spelled[-half:]]
    return "  ".join(spelled)
