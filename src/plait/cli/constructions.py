"""`plait build`, `plait export` and `plait explain`: models with weights set by hand or compiled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plait.checks.values import unknown
from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, Params, TaskName, TrustCode
from plait.cli.output import print_json, print_line, print_table
from plait.cli.values import parse_dtype, parse_fields

if TYPE_CHECKING:
    from plait.constructions import Plan

if TYPE_CHECKING:
    import torch

    from plait.constructions import Explanation


_DTYPES = ("float64", "float32", "bfloat16")
MOST_COMPARED = 10_000
"""Tokens of a vocabulary up to which all layouts are listed beside the smallest: larger ones take minutes."""


def build(
    task: TaskName,
    seq_len: Annotated[int, typer.Option(help="Tokens of a sequence.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where the model goes.")],
    param: Params = None,
    smallest: Annotated[
        bool,
        typer.Option(
            "--smallest", help="The fewest parameters for which the proof covers the type's rounding."
        ),
    ] = False,
    dtype: Annotated[
        str, typer.Option(metavar="float64|float32|bfloat16", help="Of the weights.")
    ] = "float32",
    success: Annotated[
        float | None,
        typer.Option(metavar="P", help="Of decoding-recall: the least share answered, 0.99 if left out."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="SSM-TF-TF|SSM-TF", help="Of decoding-recall: three layers, or two.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="SSM|TF",
            help="Of a program: layers of one kind alone, to see what the other spares.",
        ),
    ] = None,
    search: Annotated[
        bool,
        typer.Option("--search", help="Look for a program that has the task's targets, and compile that."),
    ] = False,
    seconds: Annotated[float, typer.Option(help="Of the search, at most.")] = 120.0,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """A model with weights set by hand and proved, in standard blocks: for selective-copying and decoding-recall.

    A program of your own, module:PROGRAM, is compiled (see docs/compiler.md).

    \b
    plait build selective-copying --seq-len 100 -o copying
    plait build decoding-recall --param n_bits=3 --seq-len 50 --smallest -o recall
    plait build examples.programs.dyck:PROGRAM --seq-len 100 -o dyck
    plait build examples.programs.selective_copying:PROGRAM --seq-len 100 --only TF -o copying-tf
    plait build needle --seq-len 100 --search -o needle
    """
    from plait.cli.programs import build_program, search_program
    from plait.compiler import Program, plan_program
    from plait.constructions import describe, save, tradeoff
    from plait.constructions.recall import SUCCESS
    from plait.constructions.smallest import chosen_plan
    from plait.tasks import parse_task
    from plait.training.machine import resolve_device

    resolve_device(device)
    wanted, number = parse_task(task, parse_fields("--param", param)), parse_dtype(dtype, _DTYPES)
    found = search_program(wanted, seq_len, seconds=seconds) if search else None
    wanted = wanted if found is None else found.program
    if isinstance(wanted, Program):
        if success is not None or pattern is not None:
            raise ValueError("success and pattern are choices of decoding-recall, not of a program")
        if only not in (None, "SSM", "TF"):
            raise ValueError(f"--only takes SSM or TF, got {only!r}")
        choices = {"dtype": number, "smallest": smallest, "only": only}
        build_program(plan_program(wanted, seq_len, **choices), output, found, json=json)
        return
    if only is not None:
        raise ValueError("--only is a choice of programs, not of the constructions made by hand")
    plan = chosen_plan(wanted, seq_len, smallest=smallest, success=success, pattern=pattern, dtype=number)
    save(plan.build(), output)
    rate = SUCCESS if success is None else success
    compared = smallest and plan.task.vocab_size <= MOST_COMPARED
    rows = tradeoff(plan.task, seq_len, success=rate) if compared else None
    if json:
        layouts = {} if rows is None else {"layouts": rows}
        print_json(describe(plan) | {"model": str(output), "pattern": plan.config().pattern} | layouts)
        return
    _print_plan(plan, output)
    if rows is not None:
        _print_layouts(rows)


def _print_plan(plan: "Plan", folder: Path) -> None:
    from plait.constructions import cost
    from plait.memory import count

    price, margins = cost(plan, plan.seq_len), plan.margins()
    config = plan.config()
    held = count(config, plan.seq_len, plan.dtype)
    layers = zip(config.layers, config.layer_specs(), strict=True)
    units = sum(spec.d_mlp for name, spec in layers if name == "TF")
    counted = {"width": config.d_model, "mlp_units": units}
    print_line(f"{plan.describe()}: {config.pattern}, {plan.name}")
    rounding = (
        "proved, rounding included" if plan.proved() else "proved in exact arithmetic, rounding as usual"
    )
    print_line(rounding)
    rows: list[tuple[str, object, object]] = [
        (name.replace("_", " "), value, counted.get(name, getattr(held, name, None)))
        for name, value in price.to_json().items()
    ]
    rows += [
        ("attention margin (nats)", margins.attention, None),
        ("logit gap (nats)", margins.logit_gap, None),
    ]
    print_table("", (f"at {plan.seq_len:,} tokens", "closed form", "counted"), rows)
    print_line(f"written {folder}")


def _print_layouts(rows: Sequence[Mapping[str, Any]]) -> None:
    """The layouts that no other beats, each with the precision that its proof needs."""
    from plait.report.construction_costs import TYPES, unbeaten

    columns = ("layout", "pattern", "width", "parameters", "logit_gap", "precision_bits", *TYPES)
    best = unbeaten(rows)
    print_table(
        f"fewer parameters need more significant bits: {len(best)} of {len(rows)} layouts, none better in both",
        [name.replace("_", " ") for name in columns],
        [[row[name] for name in columns] for row in best],
    )


FORMATS = ("hf",)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A saved model, built or trained.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Where the export goes.")],
    to: Annotated[str, typer.Option(metavar="hf", help="Hugging Face transformers.")] = "hf",
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Weights for unmodified classes of transformers.

    A model is written block by block, for MambaBlock (SSM), GPTNeoXLayer (TF), Mamba2Block (Mamba2), and the mixers
    OlmoHybridGatedDeltaNet (GDN), Lfm2ShortConv (ShortConv) and LlamaMLP (MLP). A built model also becomes a whole one
    that AutoModelForCausalLM loads: a variant of its construction in the class Bamba, with a tokenizer; it is loaded
    and tried before the command ends. A model of TF layers with open windows is a GPTNeoXForCausalLM, its own weights.

    \b
    plait build selective-copying --seq-len 100 -o copying
    plait export copying --to hf -o copying-hf
    """
    from plait.export import export_hf, right_answers
    from plait.training.machine import resolve_device
    from plait.verify import load_constructed

    resolve_device(device)
    if to not in FORMATS:
        raise ValueError(unknown("format", to, FORMATS))
    model, built = load_constructed(folder, trust_code=trust_code)
    plan = None if built is None or built.changed else built.plan
    done = export_hf(model, output, plan=plan)
    document = {
        "folder": str(done.folder), "class": done.whole, "parameters": done.parameters, "files": list(done.files),
    }  # fmt: skip
    if done.why_not is not None:
        document |= {"why_no_class": done.why_not}
    right = scored = 0
    if plan is not None and done.whole is not None:
        right, scored = right_answers(output, plan.task, seq_len=plan.seq_len)
        document |= {"right": right, "scored": scored}
    if json:
        print_json(document)
    else:
        for name in done.files:
            print_line(f"written {output / name}")
        if built is not None and built.changed:
            print_line(f"its weights were changed since it was built ({built.changed[0]}, ..): blocks alone")
        if done.whole is None:
            print_line(f"blocks/ holds the weights for unmodified blocks; no whole model: {done.why_not}")
        elif plan is None:
            print_line(
                f"{done.whole}, {done.parameters:,} parameters, loaded by AutoModelForCausalLM: the model itself, "
                "its logits equal to 1e-5"
            )
        else:
            print_line(
                f"{done.whole}, {done.parameters:,} parameters, loaded by AutoModelForCausalLM: {right:,} of "
                f"{scored:,} sampled answers right"
            )
    if right < scored:
        raise typer.Exit(CHECK_FAILED)


def explain_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model that `plait build` made.")],
    tokens: Annotated[
        str, typer.Option(metavar='"WORDS"', help="The names of the tokens to read, apart by spaces.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.svg", help="A picture of the pass as well.")
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """What every subspace holds at every position, by which lemma, where attention looks, and the answers.

    Of a compiled program, each subspace stands with the statement and the line that it belongs to. It reads on the CPU.

    \b
    plait build examples.programs.induction_2:PROGRAM --seq-len 100 -o hops
    plait explain hops --tokens "a b c a d b a" -o hops.svg
    """
    from plait.compiler import load
    from plait.constructions import explain as explained
    from plait.constructions import plan_of
    from plait.training.machine import resolve_device

    resolve_device(device)
    model = load(folder)
    row = _row(tokens, plan_of(model).task.token_names)
    found = explained(model, row)
    document = found.to_json()
    if output is not None:
        from plait.files import write_whole
        from plait.report import svg_text
        from plait.report.pass_contents import inside
        from plait.report.pass_drawings import pass_diagram

        write_whole(output, svg_text(pass_diagram(inside(model, row)), name="pass").encode())
        document |= {"picture": str(output)}
    print_json(document) if json else _print(found, output)


def _row(text: str, names: tuple[str, ...]) -> "torch.Tensor":
    """The tokens of the names.

    Raises:
        ValueError: none, or a name that the task does not have.
    """
    import torch

    words = text.split()
    if not words:
        raise ValueError("--tokens needs at least one token")
    for word in words:
        if word not in names:
            raise ValueError(unknown("token", word, names))
    return torch.tensor([names.index(word) for word in words])


def _print(found: "Explanation", output: Path | None) -> None:
    for line in found.text().splitlines():
        print_line(line)
    if output is not None:
        print_line(f"picture {output}")
