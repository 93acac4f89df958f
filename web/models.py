"""The models that the page runs: weights set by hand, and how to read what they hold."""

import json
from typing import Any

import torch

from plait.constructions import Plan, plan_of, smallest
from plait.model import HybridLM
from plait.report.inside import control_points
from plait.tasks import DecodingRecall, SelectiveCopying, Task, task_to_json

EXAMPLES = {
    "selective copying": (SelectiveCopying(), 100, "c a t 5' s 9' a b l e 6' x y z"),
    "decoding recall": (DecodingRecall(n_bits=2), 40, "w3 w1 w0 w2 1 1 w0 w1 0 1 w3"),
}
"""By name: the task, the longest sequence, and what is typed at first."""


def models() -> list[dict[str, Any]]:
    """Everything that `hybrid.js` needs of each."""
    return [described(name, task, seq_len, typed) for name, (task, seq_len, typed) in EXAMPLES.items()]


def described(name: str, task: Task, seq_len: int, typed: str) -> dict[str, Any]:
    """One model: config, weights, the names of its tokens, and the subspace in which its control is read."""
    model = smallest(task, seq_len)
    plan = plan_of(model)
    layer, subspace, points = control_points(plan)
    return {
        "name": name,
        "task": task_to_json(task),
        "token_names": list(task.token_names),
        "seq_len": seq_len,
        "typed": typed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "layout": plan.name,
        "config": config_json(model),
        "weights": {key: value.double().tolist() for key, value in model.state_dict().items()},
        "held": {
            "layer": layer,
            "read": reading(plan, subspace),
            "points": [{"name": point, "at": at} for point, at in points],
        },
    }


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
