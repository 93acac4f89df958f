"""Tables and sentences of `plait memory`."""

from collections.abc import Sequence

from plait.advisor.plan import Plan
from plait.advisor.sheets import (
    Sheet,
    costs_sheet,
    layers_sheet,
    lengths_sheet,
    models_sheet,
    plan_sheet,
    totals_sheet,
    without_names,
)
from plait.advisor.sizing import Sized
from plait.advisor.told import fits_told, limits_told, notes_of, weights_told
from plait.cli.output import print_line, print_table


def print_sized(found: Sequence[Sized]) -> None:
    """One model by its layers, or by lengths if there are several; several models beside each other."""
    one, alone = found[0], len(found) == 1
    if alone:
        print_line(weights_told(one))
    else:
        _print_sheet(models_sheet(found))
    sheets = [totals_sheet(found), *([costs_sheet(found)] if one.costs else ())]
    if alone and len(one.reports) == 1:
        _print_sheet(layers_sheet(one.reports[0]))
    else:
        sheets.insert(0, lengths_sheet(found))
    for sheet in sheets:
        _print_sheet(without_names(sheet) if alone else sheet)
    for named in found:
        before = "" if alone else f"{named.name}: "
        for line in limits_told(named):
            print_line(f"{before}{line}")
    for line in fits_told(one):
        print_line(line)
    _print_notes(found)


def print_plan(plan: Plan) -> None:
    """The mixes of a model's layers, and what rules them out."""
    _print_sheet(plan_sheet(plan))
    cited = {
        reason.statement: f"{reason.bound} ({reason.source}): {reason.statement} {reason.scope}"
        for candidate in plan.candidates
        for reason in candidate.exclusions
        if reason.bound != "budget"
    }
    for line in (*cited.values(), *plan.notes):
        print_line(line)
    print_line(f"no causal model does with less than {plan.least_bytes:,} bytes; {plan.scope}")


def _print_sheet(sheet: Sheet) -> None:
    print_table(sheet.title, [f"{h.name}\n[{h.unit}]" if h.unit else h.name for h in sheet.heads], sheet.rows)


def _print_notes(found: Sequence[Sized]) -> None:
    """Each note once, with the models it is about where it is not about all."""
    about: dict[str, list[str]] = {}
    for one in found:
        for note in notes_of(one):
            about.setdefault(note, []).append(one.name)
    for note, names in about.items():
        of = "" if len(names) == len(found) else f" on {', '.join(names)}"
        print_line(f"note{of}: {note}")
