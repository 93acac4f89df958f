"""What every program of examples/programs compiles to and how far it was verified: results/programs.json.

For each: sizes and the proved gap at 100 tokens, every input of a small version, a million scored tokens and the
adversarial inputs at 100 tokens, what pure models would need, and the smallest hybrid of results/ that learned the
same task. `make docs` writes the table of docs/compiler.md from that file.

    python benchmarks/programs.py [--samples 1000000] [--seconds 10] [--only NAME ..]
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import polars as pl

from plait.advisor.bounds import bounds_of
from plait.compiler import Program, ProgramPlan, plan_program
from plait.constructions import cost
from plait.experiments import Store
from plait.files import write_whole
from plait.report.programs import FILE, digest
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, Task
from plait.tasks import task_to_json as written
from plait.verify import Checks, Tally, verify

ROOT = Path(__file__).parents[1]
EXAMPLES, RESULTS = ROOT / "examples" / "programs", ROOT / "results"
LENGTH = 100
LEARNED = 0.99
"""Accuracy from which a task counts as learned."""

SAME_TASK: dict[str, Task] = {
    "selective_copying": SelectiveCopying(),
    "associative_recall": AssociativeRecall(n_words=8),
    "multi_key_recall": MultiKeyRecall(),
    "needle": Needle(),
    "decoding_recall": DecodingRecall(),
}
"""Tasks whose targets the program's are, wherever the task has one (a test says so): their bounds hold of it."""


def measured(name: str, before: dict[str, Any] | None, *, samples: int, seconds: float) -> dict[str, Any]:
    """One program's row; with no seconds to search, the bounds of the row before."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    module = importlib.import_module(f"examples.programs.{name}")
    program: Program = module.PROGRAM
    plan = plan_program(program, LENGTH)
    config, price = plan.config(), cost(plan, LENGTH)
    smallest = plan_program(program, LENGTH, smallest=True)
    checks = Checks(seq_len=LENGTH, samples=samples, adversarial=True)
    return {
        "digest": digest(program),
        "pattern": config.pattern,
        "parameters": price.parameters,
        "smallest": cost(smallest, LENGTH).parameters,
        "state_bits": price.state_bits,
        "windows": _windows(plan),
        "logit_gap": plan.margins().logit_gap,
        "proved": plan.proved(),
        "verified": _told(verify(plan.build(), program, checks).verified[0].total),
        "small": _every_input(name, module),
        "pure": _pure(SAME_TASK.get(name, program), seconds) if seconds or before is None else before["pure"],
        "learned": _learned(SAME_TASK.get(name)),
        "alone": {only: _alone(program, only) for only in ("SSM", "TF")},
    }


def _windows(plan: ProgramPlan) -> list[int | None]:
    config = plan.config()
    layers = zip(config.layers, config.layer_specs(), strict=True)
    return [spec.window for kind, spec in layers if kind == "TF"]


def _every_input(name: str, module: Any) -> dict[str, Any]:
    case = json.loads((EXAMPLES / "small.json").read_text())[name]
    program, seq_len = module.program(**case["arguments"]), case["seq_len"]
    model = program.compile(seq_len=seq_len)
    total = verify(model, program, Checks(seq_len=seq_len, exhaustive=True)).verified[0].total
    return _told(total) | {"seq_len": seq_len}


def _told(total: Tally) -> dict[str, Any]:
    least = None if total.gap is None else total.gap.value
    return {"inputs": total.inputs, "checked": total.checked, "wrong": total.wrong, "gap": least}


def _pure(task: Task, seconds: float) -> dict[str, Any]:
    """The least state of a pure SSM and the least reach of pure attention, and whether by proof or by search."""
    rows = [row for row in bounds_of(task, seq_len=LENGTH, seconds=seconds).bounds if row.bound is not None]
    state = max((row for row in rows if row.unit == "bits"), key=lambda row: row.value)
    reach = max((row for row in rows if row.unit == "tokens"), key=lambda row: row.value)
    return {
        "state_bits": float(state.value),
        "reach": int(reach.value),
        "found": bool(state.bound and state.bound.found) or bool(reach.bound and reach.bound.found),
    }


def _alone(program: Program, only: str) -> dict[str, Any] | None:
    """The program in layers of one kind; None where it is refused."""
    try:
        plan = plan_program(program, LENGTH, only=only)
    except ValueError:
        return None
    price = cost(plan, LENGTH)
    return {
        "pattern": plan.config().pattern, "parameters": price.parameters, "state_bits": price.state_bits,
        "windows": _windows(plan), "proved": plan.proved(),
    }  # fmt: skip


def _learned(task: Task | None) -> dict[str, Any] | None:
    """The smallest hybrid that is right at its best learning rate, on average over seeds."""
    if task is None:
        return None
    same = json.dumps(written(task), sort_keys=True, separators=(",", ":"))
    rows = Store(RESULTS).read().filter(
        (pl.col("task_json") == same) & (pl.col("seq_len") == LENGTH) & pl.col("pattern").str.contains("SSM")
        & pl.col("pattern").str.contains("TF")
    )  # fmt: skip
    means = rows.group_by("pattern", "parameters", "lr", "steps", "config_json").agg(
        pl.col("accuracy").mean(), pl.len().alias("members")
    )
    good = means.filter((pl.col("accuracy") >= LEARNED) & (pl.col("members") >= 3)).sort(
        "parameters", "accuracy", descending=[False, True]
    )
    if good.is_empty():
        return None
    best = good.row(0, named=True)
    return {key: best[key] for key in ("pattern", "parameters", "accuracy", "members", "steps")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1_000_000, help="scored tokens")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each search for a bound; 0 keeps those found before"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these programs, the other rows kept")
    asked = parser.parse_args()
    names = asked.only or sorted(path.stem for path in EXAMPLES.glob("*.py"))
    file = RESULTS / FILE
    found = json.loads(file.read_text()) if file.exists() else {}
    found = {name: row for name, row in found.items() if (EXAMPLES / f"{name}.py").exists()}
    for name in names:
        found[name] = measured(name, found.get(name), samples=asked.samples, seconds=asked.seconds)
        print(name, json.dumps(found[name]), flush=True)
        write_whole(file, (json.dumps(dict(sorted(found.items())), indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
