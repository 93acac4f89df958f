"""`plait build`, `verify`, `stream` and others on programs: named wherever a task is, refused in a line."""

import sys

import pytest
import torch

from plait.model import load

PROGRAM = """
from plait.compiler import Program

def program(most=3):
    p = Program("ab")
    p.count_a = p.count(p.embed(lambda name: name == "a"), most=most)
    p.answer = p.table(lambda n: "ab"[n % 2], p.count_a)
    return p

PROGRAM = program()
OTHER = program(4)
"""

WRONG = {
    "early": ("p.answer = p.lag(p.before)", "wrong.py, line 3: unknown signal 'before'; known: token"),
    "missing": ("p.one = p.embed({'a': 1})", "wrong.py, line 3: table: there is no entry for 'b'"),
    "shadow": ("p.hold = p.token", "wrong.py, line 3: p.hold is a member of every program"),
    "long": (
        "x = p.token\nfor _ in range(10000): x = p.lag(x)\np.answer = x",
        "wrong.py, line 4: lag: a program has at most 256 statements",
    ),
    "none": ("", "the program has no answer"),
}


@pytest.fixture
def folder(plait, tmp_path, monkeypatch):
    """The working folder, with the programs in it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_programs", "wrong"):
        sys.modules.pop(name, None)
    (tmp_path / "own_programs.py").write_text(PROGRAM)
    return tmp_path


def test_from_a_program_to_a_verified_model(plait, plait_json, folder):
    built = plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    assert "layer 1, SSM: count_a (own_programs.py, line 6): a state that adds up" in built.stdout
    assert "proved, rounding included" in built.stdout
    found = plait("verify", "model", "--task", "own_programs:PROGRAM", "--exhaustive", "--dtype", "float64")
    assert found.exit_code == 0
    assert "proved, rounding included" in found.stdout
    answers = plait("stream", "model", "--task", "own_programs:PROGRAM", stdin="a b a a")
    assert answers.stdout.split() == ["b", "b", "a", "b"]
    document = plait_json("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    assert document["kind"] == "program"
    assert len(document["layers"]) == 3
    assert document["proved"]["logit_gap"] > 0.1
    assert plait_json("tasks", "own_programs:program", "--param", "most=9")["vocab_size"] == 5
    rows = "[[0, 1, 0, 0, 0, 0]]"
    assert plait_json("label", "own_programs:PROGRAM", "--tokens", "-", stdin=rows) == [
        [1, 1, 0, 1, None, None]
    ]


def test_a_model_is_held_to_its_own_program_alone(plait, refused, folder):
    plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    said = refused("verify", "model", "--task", "own_programs:OTHER", "--exhaustive")
    assert "compiled from another program" in said
    build = ("build", "own_programs:PROGRAM", "-o", "x", "--seq-len")
    assert "takes no parameters" in refused(*build, 6, "--param", "a=1")
    assert "not of a program" in refused(*build, 6, "--success", 0.5)
    assert "seq_len" in refused(*build, 0)


def test_a_changed_weight_is_found(plait, folder):
    plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    model = load("model")
    with torch.no_grad():
        model.get_parameter("layers.0.mixer.out_proj.weight").zero_()
    model.save("model")
    found = plait("verify", "model", "--task", "own_programs:PROGRAM", "--exhaustive")
    assert found.exit_code == 1
    assert "changed since it was built" in found.stdout
    assert "not verified" in found.stdout


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_program_is_one_line(refused, folder, kind):
    lines, reason = WRONG[kind]
    source = f"from plait.compiler import Program\np = PROGRAM = Program('ab')\n{lines}\n"
    (folder / "wrong.py").write_text(source)
    assert reason in refused("build", "wrong:PROGRAM", "--seq-len", 6, "-o", "model")


def test_training_takes_a_program_as_its_task(plait, plait_json, folder):
    train = ("train", "--task", "own_programs:PROGRAM", "--steps", 2, "--seq-len", 8, "-o", "runs")
    assert plait(*train, "--seeds", "0..1", "--pattern", "SSM-TF", "--d-model", 4).exit_code == 0
    assert plait_json("results", "runs")
