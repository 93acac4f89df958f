"""A ratio taken apart: each choice has the factor that was put into made-up rows, and they multiply to the whole."""

import itertools
import math

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.experiments import Experiment
from plait.experiments.settings import AS_RUN, BARE, DROPPED, KEPT
from plait.findings.beside_paper import STAGES, taken_apart
from plait.findings.evidence import StoredRows
from plait.model import HybridConfig
from plait.tasks import SelectiveCopying
from plait.training.run import Run, Train

EXPERIMENT = Experiment(
    name="made",
    question="?",
    base=Run(
        task=SelectiveCopying(),
        model=HybridConfig(d_model=8, window=20, init="paper"),
        train=Train(steps=1_000),
    ),
    vary={"model.pattern": ("TF-TF", "SSM-TF"), "model.d_model": (12, 20)},
    sweep={"train.lr": (1e-3, 1e-2), "train.seed": range(11)},
)

CROSSINGS = {"as-run": 6.0, "early-free": 4.0, "dropped": 3.0, "bare": 2.0, "kept": 1.0}
"""Pure over hybrid sizes at accuracy .5 that the rows below give in each protocol."""


def stored() -> StoredRows:
    """Sizes are put 1 and 1,000 for both widths of both patterns; accuracies cross .5 where they should."""
    frames = []
    for setting in (AS_RUN, DROPPED, BARE, KEPT):
        rows, _ = made_up_rows(EXPERIMENT.in_setting(setting))
        frames.append(rows)
    rows = pl.concat(frames).unique("member", maintain_order=True)
    released_odd = pl.col("config_json").str.contains('"rotary_odd":"released"')
    dropped = pl.col("config_json").str.contains('"dropout":0.1')
    kept = pl.col("config_json").str.contains('"init":"paper"')
    hybrid = pl.col("pattern") == "SSM-TF"
    name = (
        pl.when(released_odd).then(pl.lit("early-free")).when(dropped).then(pl.lit("dropped"))
        .when(kept & hybrid).then(pl.lit("kept")).otherwise(pl.lit("bare"))
    )  # fmt: skip
    size = pl.when(pl.col("d_model") == 12).then(1).otherwise(1_000)
    rows = rows.with_columns(protocol=name, parameters=size.cast(pl.Int64))
    # A pure model crosses at 100 parameters; a hybrid where the protocol's ratio puts it.
    share = {n: math.log(100 / ratio) / math.log(1_000) for n, ratio in CROSSINGS.items()}
    crossing = (
        pl.when(hybrid)
        .then(name.replace_strict(share, default=None))
        .otherwise(math.log(100) / math.log(1_000))
    )
    small, large = 0.5 - 0.1 * crossing, 0.5 + 0.1 * (1 - crossing)
    accuracy = pl.when(pl.col("d_model") == 12).then(small).otherwise(large)
    # At the other rate all is 4 / 6 smaller in size for the hybrid as it was run: the rule of early losses takes it.
    worse = math.log(100 / CROSSINGS["as-run"]) / math.log(1_000)
    at_early = pl.when(pl.col("d_model") == 12).then(0.5 - 0.1 * worse).otherwise(0.5 + 0.1 * (1 - worse))
    early = pl.col("lr") == 1e-3
    accuracy = pl.when(early & hybrid & released_odd).then(at_early).otherwise(accuracy)
    rows = rows.with_columns(
        accuracy=accuracy,
        select_accuracy=pl.when(early).then(0.0).otherwise(1.0),
        losses=pl.when(early).then(pl.lit([1.0])).otherwise(pl.lit([2.0])),
        loss_steps=pl.lit([1_000]),
    )
    return StoredRows(rows=rows.drop("protocol"))


def test_each_choice_has_its_factor():
    stages = taken_apart(EXPERIMENT, stored(), 0.5, pure=("TF-TF",), hybrid="SSM-TF", samples=50)
    assert [stage.ratio.low for stage in stages] == pytest.approx([6.0, 4.0, 3.0, 2.0, 1.0], rel=1e-6)
    assert [stage.factor.low for stage in stages[1:]] == pytest.approx([1.5, 4 / 3, 1.5, 2.0], rel=1e-6)
    product = math.prod(stage.factor.low for stage in stages[1:])
    assert product * stages[-1].ratio.low == pytest.approx(stages[0].ratio.low)
    assert all(stage.seeds == 11 for stage in stages)
    assert stages[0].factor is None
    for stage in stages:
        # All seeds are alike, so that the interval is the ratio itself, which sums in another order round otherwise.
        ends = (stage.ratio.interval.low, stage.ratio.interval.high)
        assert ends == pytest.approx((stage.ratio.low, stage.ratio.low), rel=1e-9)


def test_stages_change_one_thing_at_a_time():
    settings = [setting for _, setting in STAGES]
    for before, after in itertools.pairwise(settings):
        fields = ("init", ("dropout", "dropout_at"), "rotary_odd", "rule")
        changed = [
            field
            for field in fields
            if any(
                getattr(before, f) != getattr(after, f)
                for f in ([field] if isinstance(field, str) else field)
            )
        ]
        assert len(changed) == 1


def test_a_protocol_without_rows_gives_nothing():
    rows = stored()
    lacking = StoredRows(rows=rows.rows.filter(~pl.col("config_json").str.contains('"dropout":0.1')))
    assert taken_apart(EXPERIMENT, lacking, 0.5, pure=("TF-TF",), hybrid="SSM-TF", samples=50) == ()
