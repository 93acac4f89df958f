"""`plait results` and `plait report`: what a folder of results holds, as rows and as pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plait.checks import counted
from plait.cli.options import Device, JsonFlag, check_device
from plait.cli.output import messages, out, print_json, print_line, print_table
from plait.cli.values import parse_fields, parse_names

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = (
    "member",
    "task",
    "pattern",
    "d_model",
    "parameters",
    "lr",
    "seed",
    "steps",
    "accuracy",
    "diverged_at",
)

ORDER = ("task", "pattern", "d_model", "window", "lr", "seed", "member")


def results(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that train or reproduce wrote.")],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=JSON", help="Only members with this value; may be repeated."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,..", help="Means over the members that agree in these columns."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,..", help="What to show of each member; `all` for everything."),
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(metavar="QUERY", help="A SELECT over the table `members` instead of the above."),
    ] = None,
    pack: Annotated[
        bool, typer.Option("--pack", help="First put all files into one, with thinner loss curves.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="OUT", help="First add what OUT has not yet to it, as one file, curves thinned."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows to print at most; --json prints all.")] = 40,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """What a folder of results holds: its members, filtered, averaged, or asked in SQL.

    \b
    plait results runs/headline --by pattern,d_model,lr
    plait results runs/headline --where pattern=SSM-TF --where seed=0 --columns lr,accuracy,losses
    plait results runs/headline --sql "SELECT pattern, MAX(accuracy) FROM members GROUP BY pattern"
    plait results runs/headline --into results
    """
    from plait.experiments import Store, aggregated, filtered, query
    from plait.experiments.query import check_columns, check_query

    check_device(device)
    conditions = parse_fields("--where", where)
    groups, names = parse_names(by, ()), parse_names(columns, _COLUMNS)
    if sql is not None:
        if conditions or by is not None or columns is not None:
            raise ValueError("--sql takes the place of --where, --by and --columns")
        check_query(sql)
    check_columns([*conditions, *groups, *(() if columns == "all" else names)])

    def answer(*, told: bool = True) -> "pl.DataFrame":
        if sql is not None:
            return query(folder, sql)
        frame = filtered(Store.for_reading(folder).read(), conditions)
        edited = _of_edited_code(frame)
        if told and edited and by is not None and "code_json" not in groups:
            messages().print(
                "members of code that was edited in between are averaged together; code_json in --by keeps them apart",
                highlight=False,
            )
        if (
            by is None and columns != "all"
        ):  # ordering loss curves along with the rest would take most of the time
            frame = frame.select(list(dict.fromkeys((*names, *ORDER, "code_json"))))
        frame = frame.sort(*ORDER)
        if by is not None:
            return aggregated(frame, groups)
        shown = (*names, "code_json") if edited and columns is None else names
        return frame if columns == "all" else frame.select(shown)

    if pack or into is not None:
        answer(told=False)  # a question that has no answer is refused before any file changes
    if pack:
        Store.for_reading(folder).pack()
    if into is not None:
        added = Store.for_reading(folder).pack_into(Store.for_writing(into))
        messages().print(f"{counted(added, 'member')} added to {into}", highlight=False)
    frame = answer()
    if json:
        print_json(frame.to_dicts())
        return
    _print_frame(frame, limit)


def _of_edited_code(frame: "pl.DataFrame") -> bool:
    """Whether members that agree in all else were trained with several versions of a user's own code."""
    alike = ("task_json", "config_json", "start_json", "lr", "seed", "steps", "batch", "seq_len")
    own = frame.filter(frame["code_json"].is_not_null())
    return len(own) > 0 and bool((own.group_by(alike).n_unique()["code_json"] > 1).any())


def _print_frame(frame: "pl.DataFrame", limit: int) -> None:
    print_table("", frame.columns, frame.head(limit).rows())
    if len(frame) > limit:
        messages().print(f"{limit} of {len(frame)} rows; --limit {len(frame)} prints all")


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that train or reproduce wrote.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.html", help="A page of tables and plots.")
    ] = None,
    update: Annotated[
        list[Path] | None,
        typer.Option(
            "--update",
            metavar="PAGE",
            help="Write the marked places of a page anew instead, or of a folder's pages; may be repeated.",
        ),
    ] = None,
    json: JsonFlag = False,
    device: Device = "auto",
) -> None:
    """Tables of what a folder holds, and with -o one HTML page of tables and plots that needs no network.

    \b
    plait report runs/headline -o headline.html
    plait report results --update docs --update README.md
    """
    from plait.report import folder_report, print_report, update_pages, write_html
    from plait.training.machine import resolve_device

    resolve_device(device)
    if update:
        changed = update_pages(update, folder)
        if json:
            print_json({"changed": [str(path) for path in changed]})
        for path in () if json else changed:
            print_line(f"{path}: changed")
        if not changed and not json:
            print_line("every page is as it was")
        return
    found = folder_report(folder)
    page = None if output is None else write_html(found, output)
    if json:
        print_json(found.to_json() | {"page": None if page is None else str(page)})
        return
    print_report(found, out())
    if page is not None:
        print_line(f"\nreport {page}")
