"""Settings: the same experiment with the initial weights, dropout and rotary dimensions of one protocol or another.

What the program released with arXiv 2603.08859 ran is one of them; what suits each model best is another; a third is
what plait took for the paper's protocol before it was held against that program (`init="paper"`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from plait.checks import unknown
from plait.layers.spec import sides
from plait.model import HybridConfig
from plait.training.run import Run, Train


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Fields of a run's model that one protocol sets alike for every model of an experiment.

    Args:
        name: on the command line and in tables.
        title: a few words for a table's head.
        init: initial weights of models with an SSM layer, where the experiment says "paper". A model of attention
            alone begins at the same weights by either name, and keeps the one that it is stored under.
        dropout, dropout_at: where the experiment itself says nothing of dropout.
        rotary_odd: for models with attention whose rotary dimensions are an odd number; others know no difference.
        seeds: the seeds that take part; None for all.
        rule: what chooses the learning rate: "select", the best mean accuracy on separate sequences, or "early", the
            least training loss of a single run over its first 1,000 steps.
    """

    name: str
    title: str
    init: str
    dropout: float = 0.0
    dropout_at: str = "all"
    rotary_odd: str = "paired"
    seeds: int | None = None
    rule: Literal["select", "early"] = "select"

    def of(self, run: Run) -> Run:
        """The run in this setting; one that begins at given weights stays as it is."""
        model = run.model
        if run.start is not None:
            return run
        changes: dict[str, object] = {}
        if model.init == "paper" and "SSM" in model.parts:
            changes["init"] = self.init
        if model.dropout == 0.0 and self.dropout > 0.0:
            changes |= {"dropout": self.dropout, "dropout_at": self.dropout_at}
        if has_odd_rotary(model):
            changes["rotary_odd"] = self.rotary_odd
        return replace(run, model=replace(model, **changes)) if changes else run  # pyright: ignore[reportArgumentType]

    def admits(self, train: Train) -> bool:
        return self.seeds is None or train.seed < self.seeds


def has_odd_rotary(model: HybridConfig) -> bool:
    """Whether the model has attention that turns an odd number of dimensions of each head."""
    return any(
        "TF" in sides(name) and spec.d_rotary % 2 == 1
        for name, spec in zip(model.layers, model.layer_specs(), strict=True)
    )


KEPT = Setting(name="kept", title="Mamba's steps kept", init="paper")
BARE = Setting(name="bare", title="without dropout", init="released")
DROPPED = Setting(name="dropped", title="dropout 0.1", init="released", dropout=0.1, dropout_at="embedding")
AS_RUN = replace(DROPPED, name="as-run", title="as it was run", rotary_odd="released", seeds=11, rule="early")

SETTINGS: Mapping[str, Setting] = MappingProxyType({s.name: s for s in (AS_RUN, BARE, DROPPED, KEPT)})
"""Each model at its best is the better of `BARE` and `DROPPED`."""

BEST = (BARE, DROPPED)


def find_setting(name: str) -> Setting:
    """Raises:
    ValueError: no setting of that name; the message lists the known ones and the nearest.
    """
    if name == "best":
        raise ValueError(
            "each model at its best is read from two settings: train both, --setting "
            + " and --setting ".join(one.name for one in BEST)
        )
    if name not in SETTINGS:
        raise ValueError(unknown("setting", name, SETTINGS))
    return SETTINGS[name]
