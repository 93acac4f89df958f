"""The models that the page runs: weights set by hand or compiled, and how to read what they hold."""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import torch

from plait.compiler import Program, ProgramPlan, program_to_json
from plait.constructions import Plan, plan_of, smallest
from plait.model import HybridLM
from plait.report.pass_contents import control_points
from plait.tasks import DecodingRecall, SelectiveCopying, Task, task_to_json

sys.path.append(str(Path(__file__).parents[1]))
from examples.programs import associative_recall

EXAMPLES: dict[str, tuple[Task, int, str]] = {
    "selective copying": (SelectiveCopying(), 100, "c a t 5' s 9' a b l e 6' x y z"),
    "decoding recall": (DecodingRecall(n_bits=2), 40, "w3 w1 w0 w2 1 1 w0 w1 0 1 w3"),
    "associative recall, compiled": (associative_recall.PROGRAM, 100, "a b c a d b a c"),
}
"""By name: the task, the longest sequence, and what is typed at first."""

DAMAGED_FIRST: dict[str, tuple[str, int]] = {
    "selective copying": ("layers.0.mixer.D", 0),
    "decoding recall": ("layers.0.mixer.D", 3),
    "associative recall, compiled": ("layers.1.attention.query_key_value.weight", 63),
}
"""By name: the weight that stands ready to be damaged, and which of its entries: one that every answer hangs on."""


def models() -> list[dict[str, Any]]:
    """Everything that `hybrid.js` needs of each."""
    return [
        described(name, task, seq_len, typed) | {"damaged_first": DAMAGED_FIRST[name]}
        for name, (task, seq_len, typed) in EXAMPLES.items()
    ]


def described(name: str, task: Task, seq_len: int, typed: str) -> dict[str, Any]:
    """One model: config, weights, the names of its tokens, and the subspace in which its control is read."""
    model = built(task, seq_len)
    plan = plan_of(model)
    layer, subspaces, points = held_points(plan)
    return {
        "name": name,
        "task": program_json(task) if isinstance(task, Program) else task_to_json(task),
        "token_names": list(task.token_names),
        "n_words": getattr(task, "n_words", 0),
        "seq_len": seq_len,
        "typed": typed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "layout": plan.name,
        "config": config_json(model),
        "weights": {key: value.double().tolist() for key, value in model.state_dict().items()},
        "held": {
            "layer": layer,
            "read": [row for name in subspaces for row in reading(plan, name)],
            "points": [{"name": point, "at": at} for point, at in points],
        },
    }


def built(task: Task, seq_len: int) -> HybridLM:
    """The smallest model of a task: by hand, or compiled from its program."""
    return (
        task.compile(seq_len=seq_len, smallest=True) if isinstance(task, Program) else smallest(task, seq_len)
    )


def program_json(program: Program) -> dict[str, Any]:
    """A program as `Hybrid.targets` runs it, with the lines that it was written in."""
    module, _, _ = program.naming[0].partition(":")
    lines = inspect.getsource(sys.modules[module]).splitlines()
    written = [line.strip() for line in lines if line.strip().startswith("p.")]
    return {"task": "program", "written": written, **program_to_json(program)}


def held_points(plan: Plan) -> tuple[int, tuple[str, ...], list[tuple[str, list[float]]]]:
    """After which layer, in which subspaces, and at which points the held signal is read; a program's first one."""
    if not isinstance(plan, ProgramPlan):
        layer, subspace, points = control_points(plan)
        return layer, (subspace,), points
    stream = plan.layout.stream
    number, signal = next(
        (number, one)
        for number, layer in enumerate(plan.layout.layers, 1)
        for one in layer.makes
        if stream.names[one]
    )
    points = stream.bases[signal].tolist()
    return number, stream.names[signal], [(str(v), p) for v, p in zip(signal.domain, points, strict=True)]


def config_json(model: HybridLM) -> dict[str, Any]:
    """What the forward pass needs, one entry a layer."""
    layers = [
        {
            "kind": kind,
            "window": spec.window,
            "d_inner": spec.d_inner,
            "d_state": spec.d_state,
            "dt_rank": spec.dt_rank,
            "d_conv": spec.d_conv,
            "n_heads": spec.n_heads,
            "d_rotary": spec.d_rotary,
            "d_turning": spec.d_turning,
            "rotary_base": spec.rotary_base,
        }
        for kind, spec in zip(model.config.layers, model.config.layer_specs(), strict=True)
    ]
    return {
        "pattern": model.config.pattern,
        "d_model": model.config.d_model,
        "norm_eps": model.config.norm_eps,
        "layers": layers,
    }


def reading(plan: Plan, subspace: str) -> list[list[float]]:
    """The matrix that takes the residual stream to a subspace's signals."""
    identity = torch.eye(plan.residual.d_model, dtype=torch.float64)
    return plan.residual.read(identity, subspace).T.tolist()


if __name__ == "__main__":
    print(json.dumps(models()))
