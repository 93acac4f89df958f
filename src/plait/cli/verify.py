"""`plait verify` and `plait eval`: a saved model against the exact targets of a task."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.checks import counted
from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, Params, TaskOption, TrustCode
from plait.cli.output import messages, plain_json, print_json, print_line, print_table
from plait.cli.values import parse_dtype, parse_fields, parse_integers

if TYPE_CHECKING:
    import torch

    from plait.constructions import Plan
    from plait.tasks import Task
    from plait.verify import Checks, Claims, Constructed, Counterexample, Verification
    from plait.verify.result import Verified


_DTYPES = ("float64", "float32", "bfloat16")
_COUNTS = ("inputs", "checked", "right", "wrong", "undefined", "beyond")
_SAMPLES, _SEQ_LEN = 100_000, 100
SECONDS_A_LINE = 30.0
"""Between lines of progress, where standard error is no terminal."""

_Told = Callable[[str, int, int], None]
"""Hears the kind of check, and how many of how many inputs or positions are done."""


def verify_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A saved model, built or trained.")],
    task: TaskOption,
    param: Params = None,
    seq_len: Annotated[
        int | None, typer.Option(help=f"Tokens of an input: what it was built for, else {_SEQ_LEN}.")
    ] = None,
    exhaustive: Annotated[bool, typer.Option("--exhaustive", help="Every input of this length.")] = False,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Scored tokens to draw; {_SAMPLES:,} if nothing else is asked."),
    ] = None,
    adversarial: Annotated[bool, typer.Option("--adversarial", help="Inputs made to break it.")] = False,
    dtype: Annotated[
        list[str] | None,
        typer.Option(metavar="float64|float32|bfloat16", help="Its own if left out; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of samples and adversarial inputs.")] = 0,
    most_inputs: Annotated[int | None, typer.Option(help="Largest domain to exhaust.")] = None,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Counts of right, wrong and undefined answers, the closest call, and the shortest wrong input found.

    Exits with 1 if any answer is wrong, or none was right. It reads on the CPU, whatever the device.

    \b
    plait verify copying --task selective-copying --adversarial
    plait build selective-copying --param n_words=4 --param numbers=[1,2] --seq-len 6 -o small
    plait verify small --task selective-copying --param n_words=4 --param numbers=[1,2] --exhaustive --dtype bfloat16
    """
    from plait.tasks import parse_task
    from plait.training.machine import resolve_device
    from plait.verify import MOST_INPUTS, Checks, Claims, check_vocabulary, load_constructed
    from plait.verify import verify as verify_model

    resolve_device(device)
    wanted = parse_task(task, parse_fields("--param", param))
    model, origin = load_constructed(folder, trust_code=trust_code)
    check_vocabulary(model, wanted)
    claims = Claims() if origin is None else origin.claims_for(wanted)
    length = seq_len if seq_len is not None else _SEQ_LEN if origin is None else origin.plan.seq_len
    drawn = samples if samples is not None else 0 if exhaustive or adversarial else _SAMPLES
    checks = Checks(
        seq_len=length,
        exhaustive=exhaustive,
        samples=drawn,
        adversarial=adversarial,
        seed=seed,
        most_inputs=MOST_INPUTS if most_inputs is None else most_inputs,
    )
    dtypes = [parse_dtype(name, _DTYPES) for name in dtype or ()]
    with _progress() as told:
        found = verify_model(model, wanted, checks, dtypes=dtypes or None, claims=claims, progress=told)
    if json:
        print_json(_document(found, checks, origin, wanted))
    else:
        _print_found(found, checks, origin, wanted)
    if not found.passed:
        raise typer.Exit(CHECK_FAILED)


@contextmanager
def _progress() -> Generator[_Told, None, None]:
    """A bar on a terminal; elsewhere a line on stderr every half minute."""
    from rich.progress import Progress

    console = messages()
    if not console.is_terminal:
        yield _lines()
        return
    with Progress(console=console, transient=True) as bar:
        line = bar.add_task("", total=None)
        yield lambda kind, done, total: bar.update(line, description=kind, completed=done, total=total)


def _lines() -> _Told:
    began = said = time.monotonic()

    def told(kind: str, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= SECONDS_A_LINE:
            said = now
            print(
                f"plait: {kind}: {done:,} of {total:,} after {now - began:,.0f} s",
                file=sys.stderr,
                flush=True,
            )

    return told


def _document(
    found: "Verification", checks: "Checks", origin: "Constructed | None", task: "Task"
) -> dict[str, Any]:
    verified = []
    for one in found.verified:
        tallies = {
            name: {**plain_json(tally), "wrong": tally.wrong, "last_undefined": tally.last_undefined}
            for name, tally in one.tallies.items()
        }
        wrong = None if one.counterexample is None else _named(one.counterexample, task)
        row = {"dtype": one.dtype, "passed": one.passed, "tallies": tallies, "counterexample": wrong}
        row |= {"parallel": one.parallel.read, "difference": one.difference, "seconds": one.seconds}
        if origin is not None and found.claims.logit_gap is not None:
            row["proof"] = _covered(origin.plan, parse_dtype(one.dtype, _DTYPES))
        verified.append(row)
    changed = None if origin is None else list(origin.changed)
    return {
        "passed": found.passed, "seq_len": checks.seq_len, "claims": found.claims, "changed": changed,
        "verified": verified,
    }  # fmt: skip


def _named(wrong: "Counterexample", task: "Task") -> dict[str, Any]:
    names = task.token_names
    words = {"names": [names[token] for token in wrong.tokens]}
    return plain_json(wrong) | words | {"expected_name": names[wrong.expected], "got_name": names[wrong.got]}


def _print_found(found: "Verification", checks: "Checks", origin: "Constructed | None", task: "Task") -> None:
    rows: list[list[Any]] = []
    for one in found.verified:
        for kind, tally in one.tallies.items():
            ends = [None if end is None else end.value for end in (tally.gap, tally.margin)]
            rows.append([one.dtype, kind, *(getattr(tally, name) for name in _COUNTS), *ends])
    rows += _proved(found.claims)
    columns = ("dtype", "kind", *_COUNTS, "logit gap", "attention margin")
    print_table(f"inputs of {checks.seq_len:,} tokens", columns, rows)
    for tally in found.verified[0].tallies.values():
        if tally.last_defined is not None:
            print_line(
                f"last position: {counted(tally.last_defined, 'input')} with a target, {tally.last_undefined:,} without"
            )
    if origin is not None and found.claims.logit_gap is not None:
        for one in found.verified:
            print_line(f"{one.dtype}: {_covered(origin.plan, parse_dtype(one.dtype, _DTYPES))}")
    if origin is not None and origin.changed:
        print_line(f"changed since it was built, so nothing is proved of it: {', '.join(origin.changed)}")
    if origin is not None and checks.seq_len > origin.plan.seq_len:
        print_line(
            f"built for {origin.plan.seq_len:,} tokens: positions are relative, so the same is claimed of longer "
            "inputs, for targets inside its window"
        )
    for one in found.verified:
        if one.parallel.read:
            print_line(
                f"{one.dtype}: {counted(one.parallel.read, 'position')}, the closest calls among them, read in the "
                f"parallel pass too: leads within {one.difference:.1e} of the compiled stream's"
            )
        if one.counterexample is not None:
            wrong = _named(one.counterexample, task)
            tied = wrong["got_name"] == wrong["expected_name"]
            answer = "which leads by nothing" if tied else f"the answer {wrong['got_name']}"
            print_line(
                f"{one.dtype}, wrong after {' '.join(wrong['names'])}: the target is {wrong['expected_name']}, {answer}"
            )
        if not one.total.checked:
            print_line(f"{one.dtype}: no position has a target, so nothing was right")
    shares = [_unclaimed(one, found.claims) for one in found.verified[:1]]
    for line in filter(None, shares):
        print_line(line)
    print_line("verified" if found.passed else "not verified")


def _unclaimed(one: "Verified", claims: "Claims") -> str | None:
    """What share of the targets nothing is claimed of; None where there is none."""
    total = one.total
    if not total.beyond:
        return None
    share = total.beyond / (total.checked + total.beyond)
    return (
        f"beyond: {total.beyond:,} of {total.checked + total.beyond:,} targets ({share:.1%}) lie outside its window of "
        f"{claims.window:,} tokens; it was not built to answer there, and they were not held against it"
    )


def _covered(plan: "Plan", dtype: "torch.dtype") -> str:
    """How far the proof reaches where the weights were rounded to one type and are read in another."""
    types = (plan.dtype, dtype)
    if all(plan.proved(each) for each in types):
        return "proved, rounding included"
    if all(plan.carried(each) for each in types):
        return "proved in exact arithmetic, rounding as it is usually met leaves the margins intact"
    return "proved in exact arithmetic, but this type is too coarse for it"


def _proved(claims: "Claims") -> list[list[Any]]:
    if claims.logit_gap is None and claims.attention is None:
        return []
    return [["proved", "every input", *([None] * len(_COUNTS)), claims.logit_gap, claims.attention]]


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
