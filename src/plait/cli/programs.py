"""`plait build module:PROGRAM`: compiled programs, and what is said of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from plait.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from plait.compiler import ProgramPlan
    from plait.compiler.search import FoundProgram
    from plait.tasks import Task


def search_program(task: "Task", seq_len: int, *, seconds: float) -> "FoundProgram":
    """A program with the task's targets.

    Raises:
        ValueError: none was found in the time.
    """
    from plait.compiler.search import find_program

    found = find_program(task, seq_len=seq_len, seconds=seconds)
    if found is None:
        raise ValueError(
            "no program of a few statements was found to have these targets; write one (docs/compiler.md)"
        )
    return found


def build_program(plan: "ProgramPlan", output: Path, found: "FoundProgram | None", *, json: bool) -> None:
    """Write and describe; what a search found stands beside the model as program.py."""
    from plait.compiler import notes
    from plait.constructions import describe, save
    from plait.files import write_whole

    save(plan.build(), output)
    made = [note.text() for note in notes(plan.layout)]
    document = describe(plan) | {"model": str(output), "pattern": plan.config().pattern, "layers": made}
    if found is not None:
        write_whole(output / "program.py", found.source().encode())
        document |= {"found": list(found.lines), "tried": found.tried, "checked": found.checked}
    if json:
        print_json(document)
        return
    if found is not None:
        every = f", every sequence of up to {found.every} tokens among them" if found.every else ""
        print_line(
            f"found, candidate {found.tried:,} in {found.seconds:.1f} s: right on {found.checked:,} targets{every}; "
            "that these are the task's targets on all inputs is not proved"
        )
        for line in found.lines[1:]:
            print_line(f"  {line}")
    print_program(plan, made, output)


def print_program(plan: "ProgramPlan", lines: list[str], folder: Path) -> None:
    """Layers, sizes and margins."""
    from plait.constructions import cost

    config, margins, price = plan.config(), plan.margins(), cost(plan, plan.seq_len)
    print_line(f"{plan.describe()}: {config.pattern}, {plan.name}")
    for line in lines:
        print_line(f"  {line}")
    rounding = (
        "proved, rounding included" if plan.proved() else "proved in exact arithmetic, rounding as usual"
    )
    print_line(rounding)
    rows = [(name.replace("_", " "), value) for name, value in price.to_json().items()]
    rows += [("attention margin (nats)", margins.attention), ("logit gap (nats)", margins.logit_gap)]
    print_table("", (f"at {plan.seq_len:,} tokens", "counted"), rows)
    print_line(f"written {folder}")
