"""Identities: equal for equal runs, different for every field that decides a number, stable over versions."""

import dataclasses
import itertools

import pytest

from plait.experiments import member_id, shard_id
from plait.model import HybridConfig
from plait.paper import CATALOGUE
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.training.identity import canonical_json
from plait.training.run import Run, Train

RUN = Run(task=SelectiveCopying(), model=HybridConfig(d_model=8, window=20, init="paper"), train=Train())

TASK_CHANGES = {"n_words": 25, "numbers": (5, 6, 7, 8, 10), "p_number": 0.3, "variant": "repetitive"}
MODEL_CHANGES = {
    "pattern": "TF-SSM",
    "d_model": 12,
    "window": 21,
    "d_state": 8,
    "expand": 3,
    "d_inner": 16,
    "dt_rank": 2,
    "d_conv": 3,
    "n_heads": 2,
    "rotary_fraction": 0.5,
    "rotary_base": 1000.0,
    "mlp_factor": 4,
    "d_mlp": 16,
    "dropout": 0.1,
    "norm_eps": 1e-6,
    "init": "mamba",
    "dropout_at": "embedding",
    "rotary_odd": "released",
    "step_bias": -4.6,
    "positions": "alibi",
}
TRAIN_CHANGES = {
    "steps": 4001,
    "batch": 9,
    "seq_len": 101,
    "lr": 2e-2,
    "seed": 1,
    "warmup": 99,
    "weight_decay": 0.0,
    "clip": 2.0,
    "test_sequences": 1025,
    "select_sequences": 257,
    "dtype": "float64",
    "products": "bfloat16",
}


def changed() -> dict[str, Run]:
    """The run with each field changed by itself."""
    runs = {}
    for name, value in TASK_CHANGES.items():
        task = dataclasses.replace(RUN.task, **{name: value})
        runs[f"task.{name}"] = Run(
            task=task, model=dataclasses.replace(RUN.model, vocab_size=None), train=RUN.train
        )
    for part, changes in (("model", MODEL_CHANGES), ("train", TRAIN_CHANGES)):
        for name, value in changes.items():
            inner = dataclasses.replace(getattr(RUN, part), **{name: value})
            runs[f"{part}.{name}"] = dataclasses.replace(RUN, **{part: inner})
    return runs


def test_every_field_has_a_change_above():
    for kind, changes, but in (
        (SelectiveCopying, TASK_CHANGES, set()),
        (HybridConfig, MODEL_CHANGES, {"vocab_size", "options"}),
        (Train, TRAIN_CHANGES, set()),
    ):
        assert {field.name for field in dataclasses.fields(kind)} - but == set(changes)


def test_options_of_a_layer_change_the_identity_and_their_absence_does_not():
    gdn = dataclasses.replace(RUN, model=dataclasses.replace(RUN.model, pattern="GDN-TF"))
    given = [None, {}, {"GDN": {}}, {"GDN": {"heads": 2}}, {"GDN": {"heads": 4}}, {"GDN": {"d_k": 2}}]
    ids = [
        member_id(dataclasses.replace(gdn, model=dataclasses.replace(gdn.model, options=options)))
        for options in given
    ]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 4


def test_each_field_changes_the_identity():
    ids = {name: member_id(run) for name, run in changed().items()} | {"none": member_id(RUN)}
    assert len(set(ids.values())) == len(ids)


def test_tasks_with_the_same_parameters_differ():
    tasks = (AssociativeRecall(n_words=8), MultiKeyRecall(), Needle(n_words=8), DecodingRecall())
    ids = {member_id(Run(task=task, model=HybridConfig(d_model=8))) for task in tasks}
    assert len(ids) == len(tasks)


def test_the_numerical_version_changes_the_identity():
    assert member_id(RUN) != member_id(RUN, numerics=2)


def test_an_identity_never_drifts():
    assert member_id(RUN) == "48f272265941b51e9e2d"


def test_an_identity_survives_json():
    assert member_id(Run.from_json(RUN.to_json())) == member_id(RUN)


def test_neither_order_nor_type_of_number_matters():
    assert canonical_json({"b": 1.0, "a": (1, 2.5)}) == canonical_json({"a": [1, 2.5], "b": 1})
    assert canonical_json({"a": True}) != canonical_json({"a": 1})


def test_what_is_no_json_number_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_a_shard_is_named_by_its_members_in_any_order():
    ids = [member_id(run) for run in changed().values()][:4]
    names = {shard_id(order) for order in itertools.permutations(ids)}
    assert len(names) == 1
    assert shard_id(ids[:3]) not in names


def test_the_whole_catalogue_has_distinct_identities():
    for experiment in CATALOGUE.values():
        runs = experiment.expand()
        assert len({member_id(run) for run in runs}) == len(runs)


def test_experiments_share_identities_exactly_where_they_share_runs():
    runs: dict[str, Run] = {}
    for experiment in CATALOGUE.values():
        for run in (*experiment.expand(), *experiment.quick_form().expand()):
            assert runs.setdefault(member_id(run), run) == run
