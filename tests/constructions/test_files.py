"""Constructed models on disk: the same model, the same plan, and one clear line for what is wrong."""

import json
from pathlib import Path

import pytest
import torch
from construction_cases import COPYING, RECALL, judge, sampled

from plait.constructions import (
    check_lemmas,
    decoding_recall,
    layouts,
    load,
    load_plan,
    loud_recall_plan,
    plan_from_json,
    plan_of,
    recall_plan,
    save,
    smallest,
)
from plait.model import HybridLM
from plait.model import load as load_plain
from plait.tasks import DecodingRecall, SelectiveCopying
from plait.verify.constructed import load_constructed


@pytest.mark.parametrize("task", [COPYING, RECALL], ids=str)
def test_saved_and_loaded(task: SelectiveCopying | DecodingRecall, tmp_path: Path) -> None:
    tokens = sampled(task, batch=4)
    for index, plan in enumerate(layouts(task, 100, success=1.0)[:6]):
        if not plan.carried():
            continue
        folder = tmp_path / str(index)
        model = plan.build()
        save(model, folder)
        again = load(folder)
        assert plan_of(again) == plan
        assert torch.equal(again(tokens), model(tokens))
        assert torch.equal(load_plain(folder)(tokens), model(tokens))
        assert all(check.holds for check in check_lemmas(again, tokens))


def test_plans_survive_json() -> None:
    for task in (COPYING, RECALL):
        for plan in layouts(task, 100):
            assert plan_from_json(json.loads(json.dumps(dict(plan.to_json())))) == plan


def test_the_file_names_subspaces_margins_and_cost(tmp_path: Path) -> None:
    save(smallest(COPYING, 100), tmp_path)
    written = json.loads((tmp_path / "construction.json").read_text())
    assert set(written["subspaces"]["bases"]) == {"code", "control"}
    assert written["proved"]["logit_gap"] > 0
    assert written["cost"]["parameters"] == 269


def test_what_cannot_be_read(tmp_path: Path) -> None:
    save(smallest(COPYING, 100), tmp_path)
    path = tmp_path / "construction.json"
    good = json.loads(path.read_text())
    for text, message in (
        ("{", "no JSON"),
        ("[]", "must be a JSON object"),
        (json.dumps(good | {"kind": "sorting"}), "unknown construction 'sorting'"),
        (json.dumps(good | {"dtype": "int8"}), "dtype must be"),
        (json.dumps({key: good[key] for key in good if key != "task"}), "field missing"),
        (json.dumps(good | {"layout": good["layout"] | {"colour": 1}}), "unknown or of a wrong type"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            load(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        load_plan(tmp_path)


def test_a_construction_of_another_model_is_refused(tmp_path: Path) -> None:
    save(smallest(COPYING, 100), tmp_path)
    other = smallest(SelectiveCopying(n_words=5, numbers=(1, 2)), 100)
    assert isinstance(other, HybridLM)
    other.save(tmp_path)
    with pytest.raises(ValueError, match="vocab_size 34, the model beside it 10"):
        load(tmp_path)


def test_a_window_changed_by_hand_shows_in_the_answers(tmp_path: Path) -> None:
    save(smallest(COPYING, 100), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"window": 9}))
    model = load(tmp_path)
    tokens = sampled(COPYING, batch=8)
    assert judge(model, COPYING, tokens).wrong > 0
    assert not all(check.holds for check in check_lemmas(model, tokens))


def test_models_of_the_first_version_are_read_with_their_own_constants() -> None:
    """Their files do not name what has changed since: recency, the previous code's gain, where steps start."""
    added = ("recency_reserve", "previous_gain", "steps_from")
    for plan in (loud_recall_plan(RECALL, 100), recall_plan(RECALL, 100, pattern="SSM-TF")):
        document = json.loads(json.dumps(dict(plan.to_json())))
        for name in added:
            document["layout"].pop(name, None)
        old = plan_from_json(document)
        assert old.recency.reserve == 3.0  # type: ignore[attr-defined]
        assert (old == plan) == (plan.dtype == torch.float64)
        again = plan_from_json(json.loads(json.dumps(dict(old.to_json()))))
        assert again == old
        assert again.carried()


def test_the_start_of_stored_members_is_as_it_was() -> None:
    """`basin` trains from these weights, and its members are stored: sums as the first version had them."""
    weights = loud_recall_plan(RECALL, 100).build().state_dict()
    sums = {
        "embedding.weight": 201.96677205063733,
        "layers.1.mlp.dense_h_to_4h.bias": 374879.99999999953,
        "layers.2.attention.query_key_value.weight": 2162223.0868599843,
        "layers.2.attention.dense.weight": 898.5448216008281,
    }
    for name, size in sums.items():
        assert float(weights[name].abs().sum()) == pytest.approx(size, rel=1e-12)


def test_integers_beyond_those_of_the_machine() -> None:
    for plan in (plan_of(smallest(COPYING, 100)), plan_of(smallest(RECALL, 100))):
        document = json.loads(json.dumps(dict(plan.to_json())))
        document["layout"]["amplitude"] = 10**30
        assert plan_from_json(document).weights()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"reserve": 1.0}, "no weights follow from its numbers"),
        ({"steps_from": 2}, "no weights follow from its numbers"),
        ({"register": {"n_bits": 1, "decays": [0.5], "maps": [[1.0]]}}, "no weights follow"),
        (
            {"register": {"n_bits": 1, "decays": [1 - 2.0**-53], "maps": [[1.0]]}},
            "must let a register forget",
        ),
    ],
)
def test_numbers_of_a_changed_plan_are_refused_in_one_line(tmp_path: Path, numbers, message) -> None:
    save(decoding_recall(DecodingRecall(n_bits=1), 6), tmp_path)
    path = tmp_path / "construction.json"
    good = json.loads(path.read_text())
    load_constructed(tmp_path)
    path.write_text(json.dumps(good | {"layout": good["layout"] | numbers}))
    with pytest.raises(ValueError, match=message):
        load_constructed(tmp_path)
