"""`plait verify`: a model against the exact targets of its task."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, Params
from plait.cli.output import messages, print_json, print_line, print_table, shown
from plait.cli.values import parse_dtype, parse_fields, parse_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plait.constructions import Plan
    from plait.tasks import Task
    from plait.verify import Constructed, Verification, Verified
    from plait.verify.session import Progress

DTYPES = ("float64", "float32", "bfloat16")
USUAL_SAMPLES = 100_000


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A saved model, built or trained.")],
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="The task; left out, that which the model was built for."),
    ] = None,
    param: Params = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Every input of --seq-len tokens, at every position.")
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Scored tokens to draw from the task's distribution, in whole sequences."
        ),
    ] = None,
    adversarial: Annotated[
        bool, typer.Option("--adversarial", help="Inputs made to break the model.")
    ] = False,
    seq_len: Annotated[
        int | None, typer.Option(help="Tokens of an input; left out, what the model was built for, or 100.")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,..", help="float64, float32, bfloat16: convert to each; left out, the model's own."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the samples and of what the others leave open.")] = 0,
    most_inputs: Annotated[
        int | None, typer.Option(metavar="N", help="Take larger domains than a thousand million inputs.")
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Checks every answer of a model: on all inputs of a length, on samples, on inputs made to break it.

    Without a choice it draws 100,000 scored tokens and takes the adversarial inputs. Undefined targets are
    counted apart, and a tie is wrong. A wrong answer ends in the shortest counterexample found, and exit code 1.

    \b
    plait verify copying --samples 1000000 --dtype float64,float32,bfloat16
    plait verify small --task selective-copying --param n_words=2 --param numbers=[1,2] --exhaustive --seq-len 8
    """
    from plait.model import load
    from plait.training.loop import resolve_device
    from plait.verify import MOST_INPUTS, Checks, Claims, constructed
    from plait.verify import verify as run_checks

    place = resolve_device(device)
    model = load(folder)
    built = constructed(folder, model)
    wanted = _task(task, parse_fields("--param", param), built, folder)
    _check_vocabulary(model.config.vocab_size, wanted, built)
    usual = not (exhaustive or adversarial or samples is not None)
    checks = Checks(
        seq_len=seq_len or (built.plan.seq_len if built is not None else 100),
        exhaustive=exhaustive,
        samples=USUAL_SAMPLES if usual else samples or 0,
        adversarial=adversarial or usual,
        seed=seed,
        most_inputs=most_inputs or MOST_INPUTS,
    )
    dtypes = None if dtype is None else [parse_dtype(name, DTYPES) for name in parse_names(dtype, ())]
    with _watch(quiet=json) as progress:
        found = run_checks(
            model.to(place),
            wanted,
            checks,
            dtypes=dtypes,
            claims=Claims() if built is None else built.claims,
            progress=progress,
        )
    remarks = _remarks(built, checks.seq_len)
    if json:
        print_json(_document(folder, found, wanted, checks.seq_len) | {"remarks": remarks})
    else:
        _print(found, wanted)
        for remark in remarks:
            print_line(remark)
    if not found.passed:
        raise typer.Exit(CHECK_FAILED)


def _task(name: str | None, params: dict[str, Any], built: "Constructed | None", folder: Path) -> "Task":
    from plait.tasks import parse_task

    if name is not None:
        return parse_task(name, params)
    if built is None:
        raise ValueError(f"--task is needed: {folder} does not say what it was built for")
    if params:
        raise ValueError("--param needs --task")
    return _plan_task(built.plan)


def _plan_task(plan: "Plan") -> "Task":
    return plan.task  # type: ignore[attr-defined]


def _check_vocabulary(vocab_size: int | None, task: "Task", built: "Constructed | None") -> None:
    if vocab_size != task.vocab_size:
        hint = (
            "" if built is None else f"; it was built for {built.plan.describe()} (leave --task out for that)"
        )
        raise ValueError(
            f"the model must have the task's vocab_size, {task.vocab_size}, got {vocab_size}{hint}"
        )


def _remarks(built: "Constructed | None", seq_len: int) -> list[str]:
    if built is None:
        return []
    plan, remarks = built.plan, []
    if built.changed:
        names = ", ".join(built.changed[:3]) + (" .." if len(built.changed) > 3 else "")
        remarks.append(f"weights are not those that were built ({names}): nothing is proved of them")
    if seq_len > plan.seq_len:
        remarks.append(
            f"{seq_len} tokens are more than the {plan.seq_len} it was built for: positions are relative, so "
            "the same is claimed, for targets inside its window"
        )
    return remarks


@contextmanager
def _watch(*, quiet: bool) -> "Iterator[Progress | None]":
    """A line on the terminal that says how far it is; nothing where there is none."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = messages()
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        lines: dict[str, Any] = {}

        def told(kind: str, done: int, total: int) -> None:
            if kind not in lines:
                lines[kind] = bar.add_task(kind, total=total)
            bar.update(lines[kind], completed=done)

        yield told


def _document(folder: Path, found: "Verification", task: "Task", seq_len: int) -> dict[str, Any]:
    names = task.token_names
    return {
        "model": str(folder),
        "seq_len": seq_len,
        "passed": found.passed,
        "proved": {"logit_gap": found.claims.logit_gap, "attention_margin": found.claims.attention},
        "verified": [_verified_document(one, names) for one in found.verified],
    }


def _verified_document(one: "Verified", names: "Sequence[str]") -> dict[str, Any]:
    counts = ("inputs", "checked", "right", "wrong", "undefined", "beyond", "last_defined", "last_undefined")
    checks = [
        {"check": kind}
        | {name: getattr(tally, name) for name in counts}
        | {"positions_read": tally.read}
        | {
            name: None if extreme is None else {"value": extreme.value, "tokens": extreme.tokens}
            for name, extreme in (("logit_gap", tally.gap), ("attention_margin", tally.margin))
        }
        for kind, tally in one.tallies.items()
    ]
    wrong = one.counterexample
    return {
        "dtype": one.dtype,
        "passed": one.passed,
        "checks": checks,
        "parallel_pass": {"positions": one.parallel.read, "largest_difference": one.difference},
        "counterexample": None
        if wrong is None
        else {
            "tokens": wrong.tokens,
            "names": [names[token] for token in wrong.tokens],
            "expected": wrong.expected,
            "got": wrong.got,
            "gap": wrong.gap,
        },
        "seconds": round(one.seconds, 3),
    }


def _print(found: "Verification", task: "Task") -> None:
    claims = found.claims
    beyond = any(tally.beyond for one in found.verified for tally in one.tallies.values())
    columns = ["dtype", "check", "inputs", "checked", "right", "wrong", "undefined"]
    columns += ["beyond the window"] if beyond else []
    rows = []
    for one in found.verified:
        for kind, tally in one.tallies.items():
            row: list[object] = [one.dtype, kind, tally.inputs, tally.checked, tally.right, tally.wrong]
            row += [tally.undefined, *([tally.beyond] if beyond else [])]
            row += [None if extreme is None else extreme.value for extreme in (tally.gap, tally.margin)]
            rows.append(row)
    print_table("", [*columns, "least logit gap", "least attention margin"], rows)
    for one in found.verified:
        for tally in one.tallies.values():
            if tally.last_defined is not None:
                print_line(
                    f"{one.dtype}: the last position is defined in {tally.last_defined:,} inputs, undefined in "
                    f"{tally.last_undefined:,}"
                )
        if one.parallel.read:
            print_line(
                f"{one.dtype}: {one.parallel.read:,} positions read by the parallel pass too, all closest calls "
                f"among them: leads within {one.difference:.1e} of each other"
            )
    if claims.logit_gap is not None:
        print_line(
            f"proved: logit gap {shown(claims.logit_gap)}, attention margin {shown(claims.attention)} nats"
        )
    for one in found.verified:
        _print_counterexample(one, task.token_names)


def _print_counterexample(one: "Verified", names: "Sequence[str]") -> None:
    wrong = one.counterexample
    if wrong is None:
        print_line(f"{one.dtype}: every answer right, {one.seconds:.1f} s")
        return
    last = " ".join(names[token] for token in wrong.tokens[-40:])
    before = f".. ({len(wrong.tokens) - 40} tokens before) " if len(wrong.tokens) > 40 else ""
    print_line(
        f"{one.dtype}: WRONG, shortest counterexample found ({len(wrong.tokens)} tokens): {before}{last}"
    )
    print_line(f"  expected {names[wrong.expected]}, got {names[wrong.got]}, gap {shown(wrong.gap)}")
