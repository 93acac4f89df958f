"""Experiments as values: paths, expansion, slices, and what they refuse."""

from dataclasses import replace

import pytest

from plait.experiments import Experiment, left_out
from plait.experiments.fields import get_field, with_fields
from plait.model import HybridConfig
from plait.tasks import DecodingRecall, Needle, SelectiveCopying
from plait.training.run import Run, Train

BASE = Run(task=SelectiveCopying(), model=HybridConfig(d_model=8, window=20), train=Train())
LRS = (1e-3, 3.16e-3, 1e-2)


def experiment(**changes) -> Experiment:
    given = {
        "name": "one",
        "question": "Which?",
        "base": BASE,
        "vary": {"model.pattern": ("SSM-TF", "TF-TF"), "model.d_model": (4, 8)},
        "sweep": {"train.lr": LRS, "train.seed": range(2)},
    }
    return Experiment(**given | changes)


def test_the_product_of_everything_is_expanded_cell_by_cell():
    runs = experiment().expand()
    assert len(runs) == 2 * 2 * 3 * 2
    assert [(r.model.pattern, r.model.d_model) for r in runs[::6]] == [
        ("SSM-TF", 4),
        ("SSM-TF", 8),
        ("TF-TF", 4),
        ("TF-TF", 8),
    ]
    assert [(r.train.lr, r.train.seed) for r in runs[:3]] == [(1e-3, 0), (1e-3, 1), (3.16e-3, 0)]
    assert all(run.model.window == 20 for run in runs)


def test_fields_set_together():
    pairs = (("SSM-TF", 8), ("TF-TF", 24))
    runs = experiment(vary={("model.pattern", "model.d_model"): pairs}).expand()
    assert list(dict.fromkeys((r.model.pattern, r.model.d_model) for r in runs)) == list(pairs)


def test_fields_that_only_fit_together_can_be_set_together():
    changed = with_fields(BASE, {"model.pattern": "SSM-TF-TF", "model.window": (None, 3, 5)})
    assert changed.model.window == (None, 3, 5)


def test_a_varied_task_brings_its_vocabulary():
    runs = experiment(vary={"task.n_words": (26, 200)}).expand()
    assert {run.model.vocab_size for run in runs} == {34, 208}
    assert with_fields(BASE, {"task": DecodingRecall()}).model.vocab_size == DecodingRecall().vocab_size


def test_without_vary_and_sweep_there_is_one_run():
    assert experiment(vary={}, sweep={}).expand() == (BASE,)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("model.d_modl", r"unknown field 'model.d_modl'; known: model.vocab_size, .*nearest: model.d_model"),
        ("task.numbres", r"unknown field 'task.numbres'; known: task.n_words, .*nearest: task.numbers"),
        (
            "modle.d_model",
            r"unknown field 'modle.d_model'; known: task, model, train, .*nearest: model.d_model",
        ),
        ("train.lr.x", r"unknown field 'train.lr.x'; known: train.steps, .*nearest: train.lr"),
        ("", r"unknown field ''; known: task, model, train"),
    ],
)
def test_an_unknown_path_is_refused_with_the_nearest(path, message):
    with pytest.raises(ValueError, match=message):
        experiment(vary={path: (1, 2)})
    with pytest.raises(ValueError, match=message):
        get_field(BASE, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vary": {"model.d_model": ()}}, "model.d_model needs at least one value"),
        (
            {"vary": {"model.pattern": "SSM-TF"}},
            "model.pattern needs a sequence of values, got the text 'SSM-TF'",
        ),
        ({"vary": {"model.d_model": (4, 8, 4)}}, "model.d_model repeats a value"),
        ({"vary": {("model.pattern", "model.d_model"): (("TF", 8, 1),)}}, "needs tuples of 2 values"),
        ({"vary": {("model.pattern", "model.d_model"): ("TF",)}}, "needs tuples of 2 values"),
        ({"vary": {"model.d_model": (4,), ("model.d_model",): ((4,),)}}, "sets model.d_model twice"),
        ({"vary": {"train.lr": (1e-3,)}, "sweep": {}}, "train.lr makes the members of an ensemble"),
        (
            {"sweep": {"model.d_model": (4,)}, "vary": {}},
            "sweep takes train.lr and train.seed, got model.d_model",
        ),
        ({"name": "../one"}, "an experiment's name must be letters, digits, -, _ and ., got '../one'"),
        ({"select": "train.seed"}, "select must be 'train.lr'"),
        (
            {"quick": ({"model.d_state": (1,)},)},
            "model.d_state=1 is not in experiment 'one'; it has 16",
        ),
        (
            {"quick": ({"model.d_stat": (1,)},)},
            "unknown field 'model.d_stat'; known: model.vocab_size, .*; nearest: model.d_state",
        ),
        (
            {"quick": ({"train.lr": (0.5,)},)},
            "train.lr=0.5 is not in experiment 'one'; it has 0.001, 0.00316, 0.01",
        ),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        experiment(**changes)


def test_a_value_that_a_model_refuses_is_refused_by_the_model():
    with pytest.raises(ValueError, match="d_model must be an integer"):
        experiment(vary={"model.d_model": (4, 0)}).expand()


@pytest.mark.parametrize(("path", "value"), [("train.lr", [1e-3]), ("train.seed", {}), ("train.lr", ([],))])
def test_a_value_without_a_hash_is_refused_as_any_other(path, value):
    with pytest.raises(ValueError, match=f"^{path[6:]} must be .*, got "):
        experiment(sweep={path: (value,)}).expand()


class TestSlices:
    def test_a_slice_keeps_what_it_names(self):
        kept = experiment().where({"model.d_model": (8,), "train.seed": (1,)}).expand()
        assert {(r.model.pattern, r.model.d_model, r.train.seed) for r in kept} == {
            ("SSM-TF", 8, 1),
            ("TF-TF", 8, 1),
        }

    def test_any_field_of_a_run_can_be_asked_for(self):
        mixed = experiment(
            vary={("model.pattern", "model.n_heads"): (("SSM-TF", 1), ("TF-TF", 1), ("TF-TF", 2))}
        )
        assert mixed.where({"model.d_model": (8,)}).expand() == mixed.expand()
        assert len(mixed.where({"train.steps": mixed.values("train.steps")}).expand()) == len(mixed.expand())
        tasks = experiment(vary={"task": (SelectiveCopying(n_words=26), SelectiveCopying(n_words=50))})
        assert tasks.values("task.n_words") == (26, 50)
        kept = tasks.where({"task.n_words": (50,)}, {"task.p_number": (0.2,), "train.seed": (0,)}).expand()
        assert {(run.task.n_words, run.train.seed) for run in kept} == {(26, 0), (50, 0), (50, 1)}

    def test_each_choice_of_swept_values_needs_an_alternative_of_its_own(self):
        kept = experiment().where(
            {"train.lr": (1e-3,), "train.seed": (0,)}, {"train.lr": (1e-2,), "train.seed": (1,)}
        )
        assert {(run.train.lr, run.train.seed) for run in kept.expand()} == {(1e-3, 0), (1e-2, 1)}

    def test_a_field_that_some_runs_lack_keeps_those_that_have_it(self):
        both = experiment(vary={"task": (SelectiveCopying(), Needle(n_words=26))})
        assert {run.task for run in both.where({"task.p_number": (0.2,)}).expand()} == {SelectiveCopying()}

    def test_slices_after_one_another_all_hold(self):
        kept = experiment().where({"model.d_model": (8,)}).where({"model.pattern": ("TF-TF",)}).expand()
        assert {(r.model.pattern, r.model.d_model) for r in kept} == {("TF-TF", 8)}

    def test_a_learning_rate_is_found_to_one_percent(self):
        kept = experiment().where({"train.lr": (10**-2.5,)}).expand()
        assert {run.train.lr for run in kept} == {3.16e-3}

    def test_a_slice_that_selects_nothing_is_refused(self):
        empty = experiment().where({"model.d_model": (8,)}).where({"model.d_model": (4,)})
        with pytest.raises(ValueError, match=r"the slice leaves no run of experiment 'one'"):
            empty.expand()

    def test_a_value_that_is_not_there_is_refused(self):
        with pytest.raises(ValueError, match=r"model.d_model=16 is not in experiment 'one'; it has 4, 8"):
            experiment().where({"model.d_model": (8, 16)})

    def test_the_quick_form_is_a_union_of_slices(self):
        quick = (
            {"model.pattern": ("SSM-TF",), "model.d_model": (4,), "train.lr": (1e-2,)},
            {"model.pattern": ("TF-TF",), "train.seed": (0,)},
        )
        kept = experiment(quick=quick).quick_form().expand()
        assert len(kept) == 2 + 2 * 3
        whole = experiment()
        assert whole.quick_form() == whole

    def test_what_is_left_out_is_said(self):
        whole = experiment(
            quick=(
                {"model.pattern": ("SSM-TF",), "train.lr": (1e-2,)},
                {"model.pattern": ("TF-TF",), "model.d_model": (8,), "train.seed": (0,)},
            )
        )
        assert left_out(whole, whole.quick_form().expand()) == (
            "17 of the 24 members of the full experiment are not trained, 7 are",
            "SSM-TF d4, SSM-TF d8: learning rates 0.01 of 3",
            "TF-TF d4: not run",
            "TF-TF d8: seeds 0 of 2",
        )
        assert left_out(whole, whole.expand()) == ()


def test_more_values_for_one_field():
    more = experiment().with_values("model.pattern", "TF-SSM")
    assert more.values("model.pattern") == ("SSM-TF", "TF-TF", "TF-SSM")
    assert len(more.expand()) == 36
    with pytest.raises(
        ValueError, match=r"unknown separately varied field .*'task.n_words'; known: model.pattern"
    ):
        experiment().with_values("task.n_words", 8)


def test_an_experiment_is_a_value():
    assert experiment() == replace(experiment())
