"""Runs: what they refuse, and that JSON carries them whole."""

import json
import math

import pytest

from plait.model import HybridConfig
from plait.tasks import MultiKeyRecall, SelectiveCopying
from plait.training.run import Run, Train


@pytest.mark.parametrize("name", ["steps", "batch", "seq_len", "test_sequences", "select_sequences"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8", None])
def test_counts_are_positive_integers(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be an integer of at least 1, below 2\\^31, got "):
        Train(**{name: value})


@pytest.mark.parametrize("value", [0, 0.0, -1e-3, math.nan, math.inf, "0.1", None, True, 10**400])
def test_the_learning_rate_is_positive_and_finite(value):
    with pytest.raises(ValueError, match=r"^lr must be finite and above 0, got "):
        Train(lr=value)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"warmup": -1}, "warmup must be an integer of at least 0"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": 2**63}, "seed must be an integer of at least 0, below 2"),
        ({"weight_decay": -0.1}, "weight_decay must be finite and at least 0"),
        ({"clip": 0.0}, "clip must be finite and above 0"),
        ({"dtype": "float8"}, "dtype must be one of float32, float64, bfloat16"),
    ],
)
def test_other_refusals(field, message):
    with pytest.raises(ValueError, match=message):
        Train(**field)


def test_equal_values_of_other_types_make_equal_protocols():
    assert repr(Train(lr=1, weight_decay=0)) == repr(Train(lr=1.0, weight_decay=0.0))


def test_the_model_takes_the_vocabulary_of_the_task():
    run = Run(task=SelectiveCopying(), model=HybridConfig(d_model=8))
    assert run.model.vocab_size == 34


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match="the model's vocab_size must be the task's, 34, or None; got 11"):
        Run(task=SelectiveCopying(), model=HybridConfig(vocab_size=11, d_model=8))


def test_parts_of_a_wrong_kind_are_refused():
    with pytest.raises(ValueError, match="a run's task must have a vocab_size, got 'selective-copying'"):
        Run(task="selective-copying", model=HybridConfig(d_model=8))  # pyright: ignore
    with pytest.raises(ValueError, match=r"a run needs train=Train\(...\)"):
        Run(task=SelectiveCopying(), model=HybridConfig(d_model=8), train={"lr": 1.0})  # pyright: ignore
    with pytest.raises(ValueError, match=r"a run needs model=HybridConfig\(...\)"):
        Run(task=SelectiveCopying(), model={"d_model": 8})  # pyright: ignore


@pytest.mark.parametrize("task", [SelectiveCopying(numbers=(1, 2)), MultiKeyRecall()])
def test_json_carries_a_run(task):
    run = Run(task=task, model=HybridConfig(d_model=8, window=(None, 5)), train=Train(lr=3e-3, seed=2**62))
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": {}}, "unknown run field 'mode'; known: task, model, train, start; nearest: model"),
        ({"train": {"step": 5}}, "unknown train field 'step'; known: steps, .*nearest: steps"),
        ({"train": 5}, "train must be a JSON object, got int"),
        ({"model": None}, "a run needs the JSON object 'model', got None"),
    ],
)
def test_json_with_faults_is_refused(change, message):
    data = Run(task=SelectiveCopying(), model=HybridConfig(d_model=8)).to_json() | change
    with pytest.raises(ValueError, match=message):
        Run.from_json(data)


def test_json_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="run must be a JSON object, got list"):
        Run.from_json([])
