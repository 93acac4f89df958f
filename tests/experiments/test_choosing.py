"""Sweeps whose rate a few seeds choose: what is trained, and what is told of it."""

import math
import random
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from fake_training import FakeMember, FakeResult, FakeTrainer, small_experiment

from plait.experiments import (
    Store,
    cells,
    choosing_part,
    chosen_part,
    run_choosing,
    run_experiment,
    summarise,
)
from plait.experiments.settings import AS_RUN, DROPPED
from plait.paper import wide_models as wide
from plait.paper.fig8 import FIG8
from plait.paper.headline import HEADLINE

EXPERIMENT = small_experiment(seeds=range(6), lrs=(1e-3, 3e-3, 1e-2))
"""Six cells of 18 members."""


def by_cell(rows: pl.DataFrame) -> dict[tuple[object, ...], pl.DataFrame]:
    return dict(rows.group_by("pattern", "d_model"))


def test_further_seeds_have_the_chosen_rate_alone(tmp_path):
    rows = run_choosing(EXPERIMENT, tmp_path, seeds=2, train=FakeTrainer())
    whole = run_experiment(EXPERIMENT, tmp_path / "whole", train=FakeTrainer())
    assert len(rows) == 6 * (3 * 2 + 4)
    assert len(whole) == 6 * 18
    assert rows.join(whole, on="member", how="anti").is_empty(), "no member of its own"
    for some in by_cell(rows).values():
        means = some.filter(pl.col("seed") < 2).group_by("lr").agg(pl.col("select_accuracy").mean())
        best = means.sort("select_accuracy")["lr"][-1]
        assert set(some.filter(pl.col("seed") >= 2)["lr"]) == {best}
    rates = {some.filter(pl.col("seed") == 5)["lr"][0] for some in by_cell(rows).values()}
    assert len(rates) > 1, "the models differ in it"


def test_all_seeds_are_told_at_the_rate_of_the_few(tmp_path):
    found = cells(EXPERIMENT, run_choosing(EXPERIMENT, tmp_path, seeds=2, train=FakeTrainer()))
    assert len(found) == 6
    for cell in found:
        assert cell.complete_seeds == (0, 1)
        assert summarise(cell).seeds == 6


def test_a_second_time_trains_nothing_and_more_choosing_seeds_what_is_missing(tmp_path):
    first = run_choosing(EXPERIMENT, tmp_path, seeds=2, train=FakeTrainer())
    again = run_choosing(EXPERIMENT, tmp_path, seeds=2, train=FakeTrainer(log=tmp_path / "log"))
    assert again.equals(first)
    assert not (tmp_path / "log").exists()
    more = run_choosing(EXPERIMENT, tmp_path, seeds=3, train=FakeTrainer())
    # Two rates of a third seed each; where it changes the choice, the three seeds behind it at the new rate.
    assert {len(some) for some in by_cell(more).values()} <= {12, 15}
    assert len(run_choosing(EXPERIMENT, tmp_path, seeds=6, train=FakeTrainer())) == 6 * 18


def test_nothing_is_chosen_before_all_that_choose_are_stored(tmp_path):
    run_experiment(
        choosing_part(EXPERIMENT, 2).where({"train.lr": (1e-3, 1e-2)}), tmp_path, train=FakeTrainer()
    )
    rows = Store(tmp_path).read()
    assert len(chosen_part(EXPERIMENT, rows, 2).expand()) == 6 * 6
    assert len(chosen_part(EXPERIMENT, rows, 2, guess=True).expand()) == 6 * 10


def test_the_rule_of_early_losses_chooses_where_it_is_the_settings(tmp_path):
    """The least single run of two at each of nine rates, over the first 1,000 of 4,000 steps, told at twenty points."""
    rates = [round(10 ** (-4 + place / 2), 6) for place in range(9)]
    early = replace(small_experiment(seeds=range(4), lrs=rates), setting=AS_RUN)
    rows = run_choosing(early, tmp_path, seeds=2, train=_twenty_points)
    chosen = set()
    for some in by_cell(rows).values():
        least, rate = math.inf, rates[0]
        for lr in rates:
            for (curve,) in (
                some.filter((pl.col("lr") == lr) & (pl.col("seed") < 2)).select("losses").iter_rows()
            ):
                mean = sum(curve[:5]) / 5
                least, rate = (mean, lr) if mean < least else (least, rate)
        assert set(some.filter(pl.col("seed") >= 2)["lr"]) == {rate}
        chosen.add(rate)
    assert len(chosen) > 2, "the models differ in it"


def _twenty_points(run, *, seeds, lrs, device, progress, checkpoint):
    """Curves of few values, so that runs tie; some end in no numbers. Later points would choose otherwise."""
    members = []
    for lr in lrs:
        for seed in seeds:
            drawn = random.Random(f"{run.model.pattern} {run.model.d_model} {lr:g} {seed}")
            curve = [drawn.choice([1.0, 1.25, 1.5]) for _ in range(5)] + [drawn.random() for _ in range(15)]
            lost = drawn.choice([20, 20, 20, 3])
            curve = [loss if at < lost else math.nan for at, loss in enumerate(curve)]
            steps = tuple(range(200, 4_001, 200))
            member = FakeMember(
                lr, seed, accuracy=0.5, select_accuracy=0.5, losses=tuple(curve), loss_steps=steps
            )
            members.append(member)
    return FakeResult(tuple(members))


def test_models_of_one_rate_have_all_their_seeds(tmp_path):
    """Figure 8's models as run have five seeds at the released rate, and nothing to choose."""
    part = FIG8.experiment.where({"model.pattern": (wide.DEEP,), "model.init": ("transformers",)})
    released = part.where({"task": (wide.packed(0.2, separator=False),), "train.products": ("bfloat16",)})
    assert len(choosing_part(released, 1).expand()) == 1
    assert {run.train.seed for run in chosen_part(released, pl.DataFrame(), 1, guess=True).expand()} == set(
        range(5)
    )


def test_initial_weights_that_the_setting_names_anew(tmp_path):
    """What is varied is `paper`, what is run `released`."""
    begun = replace(
        EXPERIMENT, vary={"model.pattern": ("SSM-TF",), "model.init": ("paper", "mamba")}, setting=DROPPED
    )
    assert len(run_choosing(begun, tmp_path, seeds=2, train=FakeTrainer())) == 2 * 10


def test_the_command_of_the_readme_trains_less_than_half():
    said = (Path(__file__).parents[2] / "README.md").read_text()
    (seeds,) = re.findall(
        r"plait reproduce headline --full .*--choosing-seeds (\d+)   # under half of it", said
    )
    whole = HEADLINE.default
    part = chosen_part(whole, pl.DataFrame(), int(seeds), guess=True)
    assert 2 * len(part.expand()) < len(whole.expand())


@pytest.mark.parametrize("seeds", [0, -1, True, 1.5])
def test_the_seeds_that_choose_are_a_count(seeds):
    with pytest.raises(ValueError, match="choosing-seeds must be an integer"):
        choosing_part(EXPERIMENT, seeds)
