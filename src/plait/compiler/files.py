"""Compiled models on disk: an ordinary model folder with `construction.json` beside it, the program inside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait import constructions
from plait.compiler.plan import ProgramPlan
from plait.compiler.program_json import program_from_json
from plait.constructions import Plan, plan_from_json
from plait.constructions.files import CONSTRUCTION, check_plan_sizes, sized
from plait.constructions.plan import attach
from plait.constructions.rounding import type_named
from plait.model import HybridLM
from plait.model import load as load_model


def load(folder: str | Path) -> HybridLM:
    """A built or compiled model; it remembers its plan, also where its weights were changed since.

    Raises:
        ValueError: no model, no readable construction beside it, or one of another config.
    """
    model, plan = load_model(folder), load_plan(folder)
    wanted = plan.config().to_json()
    for name, got in model.config.to_json().items():
        if got != wanted[name] and name != "window":
            raise ValueError(
                f"{Path(folder) / CONSTRUCTION}: the construction has {name} {wanted[name]}, the model beside it {got}"
            )
    attach(model, plan)
    return model


def load_plan(folder: str | Path) -> Plan:
    """The plan of the model in `folder`, of a construction or of a program.

    Raises:
        ValueError: the file is missing, is no JSON, or holds no plan.
    """
    return constructions.load_plan(folder, any_plan_from_json)


def any_plan_from_json(values: object) -> Plan:
    """The plan that a construction's or a program's `to_json` wrote.

    Raises:
        ValueError: a field is missing, unknown or refused.
    """
    if not isinstance(values, Mapping) or values.get("kind") != ProgramPlan.kind:
        return plan_from_json(values)
    try:
        layout: dict[str, Any] = dict(values["layout"])
        layout["kinds"] = tuple(layout["kinds"])
        check_plan_sizes(layout)
        return sized(
            ProgramPlan(
                task=program_from_json(values["program"]),
                seq_len=values["seq_len"],
                dtype=type_named(values["dtype"]),
                **layout,
            )
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"a program's plan has a field missing, unknown or of a wrong type: {error}"
        ) from error
