"""A constructed model on disk: an ordinary model folder, and `construction.json` beside it.

The file holds the plan (task, length, type, layout), from which names, bases and proved margins are recomputed,
and these once more for readers who do not.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from plait.checks import check_integer, one_line, shortened
from plait.constructions.copying import CopyingLayout, CopyingPlan
from plait.constructions.cost import cost
from plait.constructions.line import LinePlan
from plait.constructions.plan import Plan, attach, plan_of
from plait.constructions.recall_long import LongRecallPlan
from plait.constructions.recall_short import ShortRecallPlan
from plait.constructions.register import Register
from plait.constructions.rounding import type_named
from plait.files import read_json
from plait.model import HybridLM
from plait.model import load as load_model
from plait.model import save as save_model
from plait.tasks import DecodingRecall, SelectiveCopying

CONSTRUCTION = "construction.json"

FIRST_SHORT: Mapping[str, Any] = MappingProxyType({"recency_reserve": 3.0})
FIRST_LONG: Mapping[str, Any] = MappingProxyType({**FIRST_SHORT, "previous_gain": 64.0, "steps_from": 0})
"""What layouts of decoding recall were made with before their files said so."""

_LONGEST = 2**31
"""Tokens of a sequence that a plan may name."""

_MOST = {"base": 2**24, "n_frequencies": 64}
"""As of programs' plans: more than any layout has."""

_POSITIVE = (
    "amplitude",
    "norm_eps",
    "register_gain",
    "reserve",
    "recency_reserve",
    "previous_gain",
    "key_gain",
)
_OPTIONAL = ("previous_gain", "steps_from")
_LARGEST = 2.0**100
_MOST_CHANNELS = 64
_LONGEST_MEMORY = 10**6
"""Of a file's numbers, a register's channels and the bits that it remembers: far above every layout's."""

PlanKind = TypeVar("PlanKind", bound=Plan)

_SHAPES = ("vocab_size", "pattern", "d_model", "d_state", "d_inner", "dt_rank", "d_conv", "d_mlp")
"""What must agree for the construction's subspaces to mean anything; windows may differ, and lemmas then fail."""


def save(model: HybridLM, folder: str | Path) -> None:
    """Write the model as any other is written, and its construction beside it.

    Raises:
        ValueError: a model without a plan.
        OSError: the folder cannot be written.
    """
    described = (json.dumps(describe(plan_of(model)), indent=2) + "\n").encode()
    save_model(model, folder, beside={CONSTRUCTION: described})


def load(folder: str | Path) -> HybridLM:
    """A model that `save` wrote; it remembers its plan, also where its weights were changed since.

    Raises:
        ValueError: no model, no readable construction beside it, or a construction of other dimensions.
    """
    folder = Path(folder)
    model, plan = load_model(folder), load_plan(folder)
    for name in _SHAPES:
        got, wanted = getattr(model.config, name), getattr(plan.config(), name)
        if got != wanted:
            raise ValueError(
                f"{folder / CONSTRUCTION}: the construction has {name} {wanted}, the model beside it {got}"
            )
    attach(model, plan)
    return model


def load_plan(folder: str | Path, of: Callable[[object], Plan] | None = None) -> Plan:
    """The plan of the model in `folder`.

    Args:
        of: makes a plan of its JSON, or raises a ValueError; None for `plan_from_json`.

    Raises:
        ValueError: the file is missing, is no JSON, or holds no known construction.
    """
    path = Path(folder) / CONSTRUCTION
    try:
        values = read_json(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return (of or plan_from_json)(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def describe(plan: Plan) -> dict[str, Any]:
    """The plan as JSON, with its subspaces, bases, margins and cost."""
    residual, margins = plan.residual, plan.margins()
    return {
        **plan.to_json(),
        "subspaces": {
            "amplitude": residual.amplitude,
            "bias": residual.bias,
            "bases": {name: residual.rows(name).tolist() for name in residual.names},
        },
        "proved": {
            "attention_margin": margins.attention,
            "target_mass": margins.target_mass,
            "logit_gap": margins.logit_gap,
            "precision_bits": plan.precision_bits(),
        },
        "cost": dict(cost(plan).to_json()),
    }


def plan_from_json(values: object) -> Plan:
    """The plan that `to_json` or `describe` wrote; what can be recomputed is not read.

    Raises:
        ValueError: a field is missing, unknown or refused.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"a construction must be a JSON object, got {type(values).__name__}")
    if values.get("kind") == "program":
        raise ValueError("this is a compiled program, which plait.compiler.load reads")
    try:
        layout: dict[str, Any] = dict(values["layout"])
        name = layout.pop("name")
        check_plan_sizes(layout)
        layout = {
            key: float(value) if key in _POSITIVE and value is not None else value
            for key, value in layout.items()
        }
        seq_len = check_integer("seq_len", values["seq_len"], least=1, most=_LONGEST)
        common: dict[str, Any] = {"seq_len": seq_len, "dtype": type_named(values["dtype"])}
        if values["kind"] == CopyingPlan.kind:
            task = values["task"] | {"numbers": tuple(values["task"]["numbers"])}
            common["task"] = SelectiveCopying(**task)
            if name == "digits":
                return sized(CopyingPlan(**common, layout=CopyingLayout(**layout)))
            if name == "line":
                return sized(LinePlan(**common, **layout))
        if values["kind"] == "decoding-recall":
            common["task"] = DecodingRecall(**values["task"])
            common["window"] = check_integer("window", values["window"], least=1, most=_LONGEST)
            common["register"] = _register(layout.pop("register"), n_bits=common["task"].n_bits)
            layout = {**(FIRST_LONG if name == "long" else FIRST_SHORT), **layout}
            if name == "long":
                return sized(LongRecallPlan(**common, **layout))
            if name == "short":
                return sized(ShortRecallPlan(**common, **layout))
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"a construction has a field missing, unknown or of a wrong type: {error}"
        ) from error
    raise ValueError(f"unknown construction {values['kind']!r} with layout {name!r}")


def check_plan_sizes(layout: Mapping[str, object]) -> None:
    """Refuse a layout's numbers that no construction has.

    Raises:
        ValueError: base or n_frequencies no integer in its range, or another number that is not above 0 and finite.
    """
    for name, value in layout.items():
        if value is None and name in _OPTIONAL:
            continue
        if name in _MOST:
            check_integer(name, value, least=1, most=_MOST[name])
        elif name == "steps_from":
            check_integer(name, value, least=0, most=2**20)  # the place of a word
        elif name in _POSITIVE and not _is_number(value, above=0.0):
            raise ValueError(f"{name} must be a number above 0, got {shortened(value)}")


def sized(plan: PlanKind) -> PlanKind:
    """The plan itself, once the model that it is of is known to have a size.

    Raises:
        ValueError: sizes that no model has.
    """
    try:
        plan.config()
    except (ArithmeticError, TypeError) as error:
        raise ValueError(f"no model has these sizes: {one_line(error)}") from error
    return plan


def _register(values: Mapping[str, Any], *, n_bits: int) -> Register:
    decays, maps = tuple(values["decays"]), tuple(tuple(row) for row in values["maps"])
    if (
        values["n_bits"] != n_bits
        or not 1 <= len(decays) <= _MOST_CHANNELS
        or not 1 <= len(maps) <= _MOST_CHANNELS
    ):
        raise ValueError(
            f"a register is of the task's {n_bits} bits, and has up to {_MOST_CHANNELS} channels and numbers"
        )
    if not all(_is_number(decay, above=0.0) and decay < 1 for decay in decays):
        raise ValueError(f"decays must lie between 0 and 1, got {shortened(decays)}")
    for row in maps:
        if (
            len(row) != len(decays)
            or not any(row)
            or not all(_is_number(weight, above=-math.inf) for weight in row)
        ):
            raise ValueError(
                f"maps must give each of the {len(decays)} channels a weight, got {shortened(row)}"
            )
    register = Register(
        n_bits=n_bits, decays=tuple(map(float, decays)), maps=tuple(tuple(map(float, row)) for row in maps)
    )
    if register.horizon > _LONGEST_MEMORY:
        raise ValueError(
            f"decays must let a register forget within {_LONGEST_MEMORY:,} bits, got {shortened(decays)}"
        )
    return register


def _is_number(value: object, *, above: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and above < value < _LARGEST
