"""Figure 12: attention heads and state sizes at width 12 on selective copying.

Heads at 16 states, and state sizes at one head, of models of width 12, are what Figure 16 varies too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from plait.experiments.spec import Experiment, Key
from plait.experiments.view import View
from plait.findings.claims import Claim
from plait.findings.figure import READINGS, Figure
from plait.findings.trends import fewer_is_better, no_trend
from plait.model import HybridConfig
from plait.paper.grids import ATTENTION, COPYING_WINDOW, HYBRID, OTHER, PROTOCOL, QUICK_LRS, RECURRENT, SWEEP
from plait.tasks import SelectiveCopying
from plait.training.run import Run

D_MODEL, STATES = 12, 16

WITH_HEADS = ("TF-TF", "TF-SSM", "SSM-TF")
WITH_STATES = ("SSM-SSM", "TF-SSM", "SSM-TF")

_HEADS = tuple((pattern, n_heads, STATES) for pattern in WITH_HEADS for n_heads in (1, 2, 3, 4))
STATE_SIZES = tuple((pattern, 1, d_state) for pattern in WITH_STATES for d_state in (1, 2, 4, 8, 12, STATES))

HEADS_AND_STATES: Mapping[Key, Sequence[Any]] = {
    ("model.pattern", "model.n_heads", "model.d_state"): tuple(dict.fromkeys((*_HEADS, *STATE_SIZES)))
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


FIG12 = Figure(
    readings=READINGS,
    experiment=Experiment(
        name="fig12",
        question="What do heads and states do to models of width 12 that copy selectively?",
        base=Run(
            task=SelectiveCopying(),
            model=HybridConfig(pattern="SSM-TF", d_model=D_MODEL, window=COPYING_WINDOW, init="paper"),
            train=PROTOCOL,
        ),
        vary=HEADS_AND_STATES,
        sweep=SWEEP,
        quick=({"train.lr": QUICK_LRS, "train.seed": range(8)},),
        views=VIEWS,
    ),
    says="Figure 12: more than one head hurts tiny models, the state size has no clear trend.",
    claims=(
        Claim(
            statement="More than one head hurts tiny models that copy",
            paper="yes, at width 12",
            only=("model.pattern=TF-TF,TF-SSM,SSM-TF", "model.d_state=16"),
            judge=fewer_is_better("model.n_heads", (ATTENTION, OTHER, HYBRID), {"model.d_state": 16}),
        ),
        Claim(
            statement="The state size has no clear trend",
            paper="yes, 1 to 12 at width 12",
            only=("model.pattern=SSM-SSM,TF-SSM,SSM-TF", "model.n_heads=1", "model.d_state=1,2,4,8,12"),
            judge=no_trend("model.d_state", (RECURRENT, OTHER, HYBRID), {"model.n_heads": 1}, most=12),
        ),
    ),
)
