"""Heads at 16 states, and state sizes at one head, of models of width 12: what Figures 12 and 16 vary."""

from collections.abc import Mapping, Sequence
from typing import Any

from plait.experiments.spec import Key
from plait.experiments.view import View

WIDTH, STATES = 12, 16

WITH_HEADS = ("TF-TF", "TF-SSM", "SSM-TF")
WITH_STATES = ("SSM-SSM", "TF-SSM", "SSM-TF")

HEADS = tuple((pattern, n_heads, STATES) for pattern in WITH_HEADS for n_heads in (1, 2, 3, 4))
STATE_SIZES = tuple((pattern, 1, d_state) for pattern in WITH_STATES for d_state in (1, 2, 4, 8, 12, STATES))

VARIED: Mapping[Key, Sequence[Any]] = {
    ("model.pattern", "model.n_heads", "model.d_state"): tuple(dict.fromkeys((*HEADS, *STATE_SIZES)))
}

VIEWS = (
    View(
        x="model.n_heads",
        where={"model.d_state": (STATES,), "model.pattern": WITH_HEADS},
        log=False,
        title="Heads, with 16 states",
    ),
    View(
        x="model.d_state",
        where={"model.n_heads": (1,), "model.pattern": WITH_STATES},
        log=False,
        title="State sizes, with one head",
    ),
)
