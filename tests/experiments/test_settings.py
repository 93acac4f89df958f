"""Settings: what each protocol changes in which models, and that equal runs keep one identity."""

from dataclasses import replace

import pytest

from plait.experiments import member_id
from plait.experiments.settings import AS_RUN, BARE, DROPPED, KEPT, SETTINGS, find_setting
from plait.model import HybridConfig
from plait.paper import CATALOGUE
from plait.tasks import SelectiveCopying
from plait.training.run import Run
from plait.training.start import Start


def run(pattern: str = "SSM-TF", d_model: int = 12, **changes) -> Run:
    model = HybridConfig(pattern=pattern, d_model=d_model, window=20, init="paper", **changes)
    return Run(task=SelectiveCopying(), model=model)


def test_as_it_was_run():
    model = AS_RUN.of(run()).model
    assert (model.init, model.dropout, model.dropout_at, model.rotary_odd) == (
        "released", 0.1, "embedding", "released",
    )  # fmt: skip
    assert [AS_RUN.admits(replace(run().train, seed=seed)) for seed in (0, 10, 11)] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "d_model", "changes", "odd"),
    [
        ("SSM-TF", 4, {}, True),
        ("SSM-TF", 8, {}, False),
        ("TF-TF", 12, {}, True),
        ("TF-TF", 20, {}, True),
        ("TF-TF", 24, {}, False),
        ("TF-TF", 12, {"n_heads": 2}, True),
        ("TF-TF", 24, {"n_heads": 2}, True),
        ("TF-TF", 12, {"rotary_fraction": 0.0}, False),
        ("SSM-SSM", 12, {}, False),
    ],
)
def test_odd_dimensions_as_released_only_where_there_are_any(pattern, d_model, changes, odd):
    given = run(pattern, d_model, **changes)
    assert AS_RUN.of(given).model.rotary_odd == ("released" if odd else "paired")
    assert (member_id(AS_RUN.of(given)) == member_id(DROPPED.of(given))) is not odd


def test_attention_alone_without_dropout_is_what_it_was():
    """Its initial weights have no SSM layer to differ in, so what is stored is found."""
    for d_model in (4, 8):
        assert member_id(BARE.of(run("TF-TF", d_model))) == member_id(run("TF-TF", d_model))
    assert member_id(BARE.of(run("SSM-SSM"))) != member_id(run("SSM-SSM"))


def test_the_kept_setting_changes_nothing():
    for experiment in CATALOGUE.values():
        if experiment.setting is KEPT:
            assert KEPT.of(experiment.base) == experiment.base


def test_what_an_experiment_says_itself_stays():
    assert DROPPED.of(run(dropout=0.3)).model.dropout == 0.3
    assert DROPPED.of(run(dropout=0.3)).model.dropout_at == "all"
    mamba = replace(run(), model=replace(run().model, init="mamba"))
    assert BARE.of(mamba).model.init == "mamba"


def test_a_run_that_begins_at_given_weights_stays():
    begun = replace(run(), start=Start(weights="plait.constructions:selective_copying"))
    assert AS_RUN.of(begun) is begun


def test_an_experiment_in_a_setting():
    released = CATALOGUE["fig4"].in_setting(AS_RUN)
    runs = released.where({"model.d_model": (12,), "model.pattern": ("SSM-TF",)}).expand()
    assert len(runs) == 9 * 11
    assert {r.model.rotary_odd for r in runs} == {"released"}
    assert len(CATALOGUE["fig4"].in_setting(DROPPED).expand()) == len(CATALOGUE["fig4"].expand())


def test_settings_by_name():
    assert {name: find_setting(name).name for name in SETTINGS} == {name: name for name in SETTINGS}
    with pytest.raises(ValueError, match=r"unknown setting 'as-rum'; known: .*; nearest: as-run"):
        find_setting("as-rum")
    with pytest.raises(ValueError, match="train both, --setting bare and --setting dropped"):
        find_setting("best")
