"""Programs and compiled models on disk: written as JSON, read back by the language, refused when damaged."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from program_cases import EXAMPLES, STATEMENTS, example, program_of, small

from plait.compiler import ProgramPlan, load, load_plan, meaning_of, program_from_json, program_to_json
from plait.constructions import load as load_construction
from plait.constructions import plan_of, save
from plait.random import Stream


def programs() -> list[Any]:
    return [*(example(name) for name in EXAMPLES), *(program_of(statement) for statement in STATEMENTS)]


def test_every_program_comes_back_from_json() -> None:
    for program in programs():
        document = json.loads(json.dumps(program_to_json(program)))
        again = program_from_json(document)
        assert program_to_json(again) == document
        assert meaning_of(program_to_json(again)) == meaning_of(document)
        tokens = program.sample(Stream(0), batch=8, seq_len=30)
        assert torch.equal(again.sample(Stream(0), batch=8, seq_len=30), tokens)
        one, other = program.targets(tokens), again.targets(tokens)
        assert torch.equal(one.tokens, other.tokens)
        assert torch.equal(one.scored, other.scored)


@pytest.mark.parametrize("name", ["dyck", "decoding_recall", "majority"])
def test_a_compiled_model_comes_back_with_its_plan(name: str, tmp_path: Path) -> None:
    program, seq_len = small(name)
    model = program.compile(seq_len=seq_len)
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.config == model.config
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    plan = plan_of(again)
    assert isinstance(plan, ProgramPlan)
    weights = plan.weights()
    assert all(torch.equal(weights[key].float(), value) for key, value in model.state_dict().items())
    assert plan.margins() == plan_of(model).margins()
    with pytest.raises(ValueError, match=r"plait\.compiler\.load"):
        load_construction(tmp_path)


def test_a_model_of_another_config_is_refused(tmp_path: Path) -> None:
    save(small("dyck")[0].compile(seq_len=6), tmp_path)
    path = tmp_path / "construction.json"
    values = json.loads(path.read_text())
    values["layout"]["base"] = 3
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="the construction has"):
        load(tmp_path)


def damaged(**changes: Any) -> dict[str, Any]:
    document = program_to_json(example("dyck"))
    document["statements"][1] |= changes
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"tokens": 3},
        damaged(kind="boom"),
        damaged(inputs=[99]),
        damaged(inputs=["a"]),
        damaged(inputs=[-1]),
        damaged(inputs=[]),
        damaged(most=3),
        damaged(entries=[1]),
        damaged(name="hold"),
        damaged(name=7),
        program_to_json(example("dyck")) | {"answer": 99},
        program_to_json(example("dyck")) | {"tokens": ["a", "a"]},
        program_to_json(example("dyck")) | {"rates": 3},
    ],
    ids=str,
)
def test_a_damaged_program_is_refused_in_a_line(document: Any) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        program_from_json(document)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "program"}', '{"kind": "program", "layout": 3}'])
def test_a_damaged_construction_is_refused_in_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "construction.json").write_text(text)
    with pytest.raises(ValueError, match=r"construction\.json"):
        load_plan(tmp_path)
