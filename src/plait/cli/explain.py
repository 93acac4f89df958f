"""`plait explain`: one forward pass of a built or compiled model, in the proof's words and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plait.checks.names import unknown
from plait.cli.options import Device, JsonFlag
from plait.cli.output import print_json, print_line

if TYPE_CHECKING:
    import torch

    from plait.constructions import Explanation


def explain(
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
    from plait.training.loop import resolve_device

    resolve_device(device)
    model = load(folder)
    row = _row(tokens, plan_of(model).task.token_names)
    found = explained(model, row)
    document = found.to_json()
    if output is not None:
        from plait.files import write_whole
        from plait.report import svg_text
        from plait.report.inside import inside
        from plait.report.pass_diagram import pass_diagram

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
