"""`plait export`: a model for Hugging Face transformers."""

from pathlib import Path
from typing import Annotated

import typer

from plait.checks.names import unknown
from plait.cli.errors import CHECK_FAILED
from plait.cli.options import Device, JsonFlag, TrustCode
from plait.cli.output import print_json, print_line

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

    Every model of SSM and TF layers is written block by block, for MambaBlock and GPTNeoXLayer. A built model also
    becomes a whole one that AutoModelForCausalLM loads: a variant of its construction in the class Bamba, with a
    tokenizer; it is loaded and tried before the command ends.

    \b
    plait build selective-copying --seq-len 100 -o copying
    plait export copying --to hf -o copying-hf
    """
    from plait.export import export_hf, right_answers
    from plait.training.loop import resolve_device
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
            why = "no class stacks both" if done.why_not is None else f"no whole model: {done.why_not}"
            print_line(f"blocks/ holds the weights for MambaBlock and GPTNeoXLayer; {why}")
        else:
            print_line(
                f"{done.whole}, {done.parameters:,} parameters, loaded by AutoModelForCausalLM: {right:,} of "
                f"{scored:,} sampled answers right"
            )
    if right < scored:
        raise typer.Exit(CHECK_FAILED)
