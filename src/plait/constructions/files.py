"""A constructed model on disk: an ordinary model folder, and `construction.json` beside it.

The file holds the plan (task, length, type, layout), from which names, bases and proved margins are recomputed,
and these once more for readers who do not.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from plait.constructions.copying import CopyingLayout, CopyingPlan
from plait.constructions.cost import cost
from plait.constructions.line import LinePlan
from plait.constructions.plan import Plan, attach, plan_of
from plait.constructions.recall_long import LongRecallPlan
from plait.constructions.recall_short import ShortRecallPlan
from plait.constructions.register import Register
from plait.constructions.rounding import UNITS
from plait.model import HybridLM
from plait.model import load as load_model
from plait.model import save as save_model
from plait.tasks import DecodingRecall, SelectiveCopying

CONSTRUCTION = "construction.json"

FIRST_SHORT: Mapping[str, Any] = MappingProxyType({"recency_reserve": 3.0})
FIRST_LONG: Mapping[str, Any] = MappingProxyType({**FIRST_SHORT, "previous_gain": 64.0, "steps_from": 0})
"""What layouts of decoding recall were made with before their files said so."""

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


def load_plan(folder: str | Path) -> Plan:
    """The plan of the model in `folder`.

    Raises:
        ValueError: the file is missing, is no JSON, or holds no known construction.
    """
    path = Path(folder) / CONSTRUCTION
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: no JSON: {error}") from error
    try:
        return plan_from_json(values)
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
        layout = dict(values["layout"])
        name = layout.pop("name")
        common: dict[str, Any] = {"seq_len": values["seq_len"], "dtype": _dtype(values["dtype"])}
        if values["kind"] == CopyingPlan.kind:
            task = values["task"] | {"numbers": tuple(values["task"]["numbers"])}
            common["task"] = SelectiveCopying(**task)
            if name == "digits":
                return CopyingPlan(**common, layout=CopyingLayout(**layout))
            if name == "line":
                return LinePlan(**common, **layout)
        if values["kind"] == "decoding-recall":
            common |= {"task": DecodingRecall(**values["task"]), "window": values["window"]}
            common["register"] = _register(layout.pop("register"))
            layout = {**(FIRST_LONG if name == "long" else FIRST_SHORT), **layout}
            if name == "long":
                return LongRecallPlan(**common, **layout)
            if name == "short":
                return ShortRecallPlan(**common, **layout)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"a construction has a field missing, unknown or of a wrong type: {error}"
        ) from error
    raise ValueError(f"unknown construction {values['kind']!r} with layout {name!r}")


def _register(values: Mapping[str, Any]) -> Register:
    maps = tuple(tuple(float(weight) for weight in row) for row in values["maps"])
    return Register(n_bits=values["n_bits"], decays=tuple(values["decays"]), maps=maps)


def _dtype(name: object) -> torch.dtype:
    for dtype in UNITS:
        if str(dtype) == f"torch.{name}":
            return dtype
    raise ValueError(f"dtype must be bfloat16, float32 or float64, got {name!r}")
