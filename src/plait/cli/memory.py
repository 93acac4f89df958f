"""`plait memory`: what a model holds, from its config alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plait.cli.options import Device, JsonFlag, TrustCode, check_device
from plait.cli.output import print_json, print_line
from plait.cli.values import parse_bytes, parse_lengths

if TYPE_CHECKING:
    from plait.advisor.sizing import Asked, Sized
    from plait.memory import Architecture
    from plait.model import HybridConfig


def memory(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG..", help="A config.json, or a folder that holds one.")
    ],
    seq_len: Annotated[
        str,
        typer.Option(metavar="N,M,..", help="Tokens read so far, such as 1000,4k,1M; a line each."),
    ] = "4096",
    batch: Annotated[int, typer.Option(help="Sequences at once.")] = 1,
    dtype: Annotated[
        str | None, typer.Option(help="Of the model, such as bf16; the config's own if left out.")
    ] = None,
    weights_dtype: Annotated[
        str | None, typer.Option(help="Of the layers' matrices: fp8, int8, int4, nf4, mxfp4, nvfp4, ..")
    ] = None,
    kv_dtype: Annotated[str | None, typer.Option(help="Of cached keys and values, such as fp8.")] = None,
    state_dtype: Annotated[str | None, typer.Option(help="Of recurrent states, such as fp32.")] = None,
    serving: Annotated[
        str | None, typer.Option(metavar="vllm", help="Count states and pages as that server keeps them.")
    ] = None,
    page: Annotated[
        int | None, typer.Option(metavar="TOKENS", help="Of --serving: tokens of a page; 16 if left out.")
    ] = None,
    phase: Annotated[
        str, typer.Option(metavar="decode|prefill", help="After a step, or after one pass over all.")
    ] = "decode",
    fits: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Which sequences fit into it, such as 80GiB.")
    ] = None,
    generic: Annotated[
        bool, typer.Option("--generic", help="Read an unknown model type by the usual names.")
    ] = False,
    cost: Annotated[bool, typer.Option("--cost", help="Also the operations and bytes of a pass.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw what is held against the length.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.html", help="A page of all of it.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Which mixes of its layers theory rules out for a demand.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Of --plan: state that one sequence may hold.")
    ] = None,
    items: Annotated[int | None, typer.Option(help="Of --plan: words to recall exactly.")] = None,
    trust_code: TrustCode = False,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Weights and working memory of plait models or Hugging Face config.json files.

    Also from which length on a model holds less than with full attention, what it can recall at most, and what fits.

    \b
    plait memory my-model --seq-len 1000
    plait memory jamba/config.json llama/config.json --seq-len 4k,32k,256k --dtype bf16 --fits 80GiB
    plait memory jamba/config.json --batch 8 --weights-dtype int4 --kv-dtype fp8 --serving vllm -o jamba.html
    plait memory jamba/config.json --plan --budget 64MiB --seq-len 32k --items 1000
    """
    from plait.advisor.sizing import Asked, size_models
    from plait.memory import Storage
    from plait.memory.configs import read_model
    from plait.memory.storage import PAGE

    check_device(device)
    if page is not None and serving is None:
        raise ValueError("--page is a server's: give --serving vllm too")
    asked = Asked(
        lengths=parse_lengths("--seq-len", seq_len),
        batch=batch,
        dtype=dtype,
        phase=phase,
        storage=Storage(
            kv=kv_dtype,
            state=state_dtype,
            weights=weights_dtype,
            serving=serving,
            page=PAGE if page is None else page,
        ),
        budget=None if fits is None else parse_bytes("--fits", fits),
        cost=cost,
    )
    if not plan and (budget is not None or items is not None):
        raise ValueError("--budget and --items belong to --plan; --fits BYTES says which sequences fit")
    if json and plot:
        raise ValueError("--plot draws on a terminal: leave out --json")
    models = [read_model(path, generic=generic, trust_code=trust_code) for path in configs]
    if plan:
        _plan(models, asked, budget=budget, items=items, json=json)
        return
    found = size_models([(str(path), model) for path, model in zip(configs, models, strict=True)], asked)
    if output is not None:
        _write_page(found, asked, output)
    if json:
        documents = [one.to_json() for one in found]
        print_json(documents[0] if len(found) == 1 else {"models": documents})
    else:
        _print(found, asked, plot=plot)


def _print(found: "list[Sized]", asked: "Asked", *, plot: bool) -> None:
    from plait.cli.memory_tables import print_sized

    print_sized(found)
    if plot:
        from plait.advisor.curves import curves
        from plait.cli.text_plot import text_plot

        print_line()
        for line in text_plot(curves(found, asked)):
            print_line(line)


def _write_page(found: "list[Sized]", asked: "Asked", path: Path) -> None:
    from plait.advisor.curves import curves
    from plait.report import write_html
    from plait.report.sizes import sizes_report

    write_html(sizes_report(found, curves(found, asked)), path)


def _plan(
    models: "list[HybridConfig | Architecture]",
    asked: "Asked",
    *,
    budget: str | None,
    items: int | None,
    json: bool,
) -> None:
    from plait.memory.storage import OWN

    if budget is None or items is None or len(asked.lengths) != 1:
        raise ValueError("--plan needs --budget BYTES, --items N and one --seq-len")
    if len(models) != 1:
        raise ValueError(f"--plan takes one CONFIG, got {len(models)}")
    if asked.storage != OWN or asked.budget is not None:
        raise ValueError("--plan counts in --dtype alone, without other formats, --serving or --fits")
    from plait.advisor import plan
    from plait.cli.memory_tables import print_plan

    made = plan(
        models[0],
        budget=parse_bytes("--budget", budget),
        seq_len=asked.lengths[0],
        items=items,
        dtype=asked.dtype,
    )
    print_json(made.to_json()) if json else print_plan(made)
