"""`plait build`, `verify`, `stream` and others on programs: named wherever a task is, refused in a line."""

import json
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


def test_explain_names_lines_and_draws(plait, plait_json, refused, folder):
    plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    found = plait("explain", "model", "--tokens", "a b a", "-o", "pass.svg").stdout
    assert "count_a: count_a (own_programs.py, line 6)" in found
    assert "answer a, target a" in found
    assert "picture pass.svg" in found
    picture = (folder / "pass.svg").read_text()
    assert picture.startswith("<svg")
    assert "count_a" in picture
    document = plait_json("explain", "model", "--tokens", "a b a")
    assert [place["answer"] for place in document["positions"]] == ["b", "b", "a"]
    assert "unknown token 'q'; known: a, b" in refused("explain", "model", "--tokens", "a q")
    assert "at least one token" in refused("explain", "model", "--tokens", " ")
    (folder / "model" / "construction.json").unlink()
    assert "construction.json: cannot be read" in refused("explain", "model", "--tokens", "a")


FORMULA = "$\\frac{$\x1b[31m"


def put(document, old, new):
    """The document with every text `old` in it replaced."""
    if isinstance(document, dict):
        return {key: put(value, old, new) for key, value in document.items()}
    if isinstance(document, list):
        return [put(value, old, new) for value in document]
    return new if document == old else document


def test_texts_of_a_program_s_file_steer_neither_terminal_nor_picture(plait, refused, folder):
    """Token names, values, names of signals and the lines that made them."""
    plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    path = folder / "model" / "construction.json"
    document = json.loads(path.read_text())
    asked = ("explain", "model", "--tokens", "b b", "-o", "pass.svg")
    path.write_text(json.dumps(put(document, "a", FORMULA)))
    done = plait(*asked)
    assert (done.exit_code, done.stderr) == (0, "")
    picture = (folder / "pass.svg").read_text()
    assert r"$\frac{$\x1b[31m" in picture
    assert "\x1b" not in done.stdout + picture
    (folder / "pass.svg").unlink()
    where = next(one["where"] for one in document["program"]["statements"] if one["name"] == "count_a")
    path.write_text(json.dumps(put(document, where, "\x1b[2J" + 10**6 * "w")))
    found = plait("explain", "model", "--tokens", "b b").stdout
    assert "count_a (\\x1b[2Jwww" in found
    assert len(found) < 10_000
    for strange in (FORMULA, "n" * 10**6, "<b>", "count a"):
        path.write_text(json.dumps(put(document, "count_a", strange)))
        assert "a signal's name must be an identifier of at most 200 characters" in refused(*asked)
    path.write_text(json.dumps(put(document, "a", "n" * 10**6)))
    assert "a token's name has at most 200 characters, got 1,000,000" in refused(*asked)


def test_a_program_is_searched_for_a_task(plait, refused, folder):
    found = plait(
        "build", "needle", "--param", "n_words=4", "--seq-len", 20, "--search", "-o", "model"
    ).stdout
    assert "is not proved" in found
    assert "p.answer = p.hold(p.token, when=p.lag_is_class" in found
    assert (
        plait("verify", "model", "--task", "needle", "--param", "n_words=4", "--samples", 2000).exit_code == 0
    )
    assert "PROGRAM = p" in (folder / "model" / "program.py").read_text()
    none = ("build", "own_programs:OTHER", "--seq-len", 6, "--search", "-o", "x")
    assert "no program of a few statements" in refused(*none, "--seconds", 1e-9)
    assert "seconds must be positive" in refused(*none, "--seconds", 0)


def test_a_model_is_held_to_its_own_program_alone(plait, refused, folder):
    plait("build", "own_programs:PROGRAM", "--seq-len", 6, "-o", "model")
    said = refused("verify", "model", "--task", "own_programs:OTHER", "--exhaustive")
    assert "compiled from another program" in said
    build = ("build", "own_programs:PROGRAM", "-o", "x", "--seq-len")
    assert "takes no parameters" in refused(*build, 6, "--param", "a=1")
    assert "not of a program" in refused(*build, 6, "--success", 0.5)
    assert "seq_len" in refused(*build, 0)
    assert "takes SSM or TF, got 'both'" in refused(*build, 6, "--only", "both")
    assert "count cannot be made by layers of TF alone" in refused(*build, 6, "--only", "TF")
    by_hand = ("build", "selective-copying", "--seq-len", 6, "-o", "x")
    assert "--only is a choice of programs" in refused(*by_hand, "--only", "TF")


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
