"""`plait build module:PROGRAM`: compiled programs, and what is said of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from plait.cli.output import print_json, print_line, print_table

if TYPE_CHECKING:
    import torch

    from plait.compiler import Program, ProgramPlan


def build_program(
    program: "Program", seq_len: int, output: Path, *, dtype: "torch.dtype", smallest: bool, json: bool
) -> None:
    """Compile, write and describe.

    Raises:
        ValueError: as `plan_program`.
    """
    from plait.compiler import notes, plan_program
    from plait.constructions import describe, save

    plan = plan_program(program, seq_len, dtype=dtype, smallest=smallest)
    save(plan.build(), output)
    made = notes(plan.layout)
    if json:
        layers = [note.text() for note in made]
        print_json(
            describe(plan) | {"model": str(output), "pattern": plan.config().pattern, "layers": layers}
        )
        return
    print_program(plan, [note.text() for note in made], output)


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
