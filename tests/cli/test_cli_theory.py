import json
import math
import os
import shutil
import threading
from pathlib import Path

import pytest

from plait.cli.output import plain_json
from plait.constructions import cost, smallest_plan
from plait.tasks import TASKS, DecodingRecall, SelectiveCopying, parse_task
from plait.theory import bounds_table, frontier
from plait.theory.depth import hops_statement
from plait.theory.families import has_family

JAMBA = Path(__file__).parents[1] / "memory" / "fixtures" / "jamba.json"
OWN_TASKS = Path(__file__).parents[1] / "theory" / "own_tasks.py"
EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.usefixtures("counted_seconds")  # what a search finds is the same on every machine


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if has_family(task())])
def test_bounds_are_the_library_s(plait, plait_json, name):
    found = plait_json("bounds", name, "--seq-len", 40)["bounds"]
    rows = bounds_table(parse_task(name), 40)
    assert [row["value"] for row in found] == [plain_json(row.value) for row in rows]
    assert [row["model"] for row in found] == [row.model for row in rows]
    text = plait("bounds", name, "--seq-len", 40).stdout
    assert all(row.note in text for row in rows)


def test_the_automaton_of_a_task_and_what_it_means(plait, plait_json, tmp_path):
    shutil.copy(OWN_TASKS, tmp_path)
    assert "aperiodic" in plait("bounds", "needle").stdout
    assert plait_json("bounds", "needle")["automaton"]["counting"]["aperiodic"]
    own = ("bounds", "own_tasks:Parity", "--seq-len", 20, "--seconds", 0.2)
    text = plait(*own, "--param", "modulus=4").stdout
    assert "4 states, 4 elements" in text
    assert "the word 1 is counted modulo 4" in text
    assert "at least 2 layers" in text
    assert "beside windows of attention: no stack can" in text
    counted = plait_json(*own, "--param", "modulus=3")["automaton"]["counting"]["counted"]
    assert [(one["word"], one["length"], one["real_layers"]) for one in counted] == [([1], 3, None)]
    found = plait_json("bounds", "own_tasks:Echo", "--param", "letters=70", "--seq-len", 20, "--seconds", 0.2)
    assert "71 tokens are more than the 64" in found["automaton"]["missing"]


def test_an_automaton_that_was_asked_for_and_is_not_there_is_a_mistake(plait, plait_json, refused, tmp_path):
    shutil.copy(OWN_TASKS, tmp_path)
    assert plait_json("bounds", "needle", "--automaton")["automaton"]["counting"]["aperiodic"]
    assert "aperiodic" in plait("bounds", "needle", "--automaton").stdout
    echo = ("bounds", "own_tasks:Echo", "--seq-len", 20, "--seconds", 0.2)
    assert "71 tokens are more than the 64" in refused(*echo, "--param", "letters=70", "--automaton")
    counter = ("bounds", "own_tasks:Parity", "--param", "modulus=1500", "--seq-len", 20, "--automaton")
    assert "may not be finite-state" in refused(*counter, "--seconds", 0.3)
    assert "stands alone" in refused("bounds", "needle", "--automaton", "--frontier")


def test_what_is_published_about_hops_speaks_at_no_size_in_use(plait, plait_json):
    said = plait_json("bounds", "k-hop-induction", "--param", "n_words=2", "--seq-len", 8, "--seconds", 0.2)[
        "depth"
    ]
    assert "no stack with 1 layer of full attention" in said
    assert "2^1,024 tokens" in said
    assert "known to us from a summary" in said
    assert "begins at four functions" in said
    assert "recurrent layers alone, 2 or fewer, need a width" in hops_statement(5)
    assert "no number is computed" in hops_statement(5)
    assert hops_statement(1) is None
    assert "2^27 recurrent ones composes 3" in hops_statement(3)


def test_what_one_layer_of_attention_must_carry(plait, plait_json):
    assert "one layer of attention alone" in plait("bounds", "associative-recall").stdout
    assert plait_json("bounds", "associative-recall")["one_layer"]["bits"] == 243
    assert plait_json("bounds", "needle")["one_layer"] is None
    one_hop = ("bounds", "k-hop-induction", "--param", "hops=1", "--param", "n_words=32", "--seconds", 0.2)
    assert plait_json(*one_hop)["one_layer"]["bits"] == 243


@pytest.mark.parametrize("task", [SelectiveCopying(), DecodingRecall(n_bits=3)])
def test_a_proved_hybrid_stands_beside_the_bounds(plait, plait_json, task):
    args = (task.name, "--seq-len", 40, *(("--param", "n_bits=3") if task.name == "decoding-recall" else ()))
    plan = smallest_plan(task, 40)
    found = plait_json("bounds", *args)["hybrid"]
    assert found["cost"] == cost(plan, 40).to_json()
    assert found["pattern"] == plan.config().pattern
    text = plait("bounds", *args).stdout
    assert f"{cost(plan, 40).state_bits:,}" in text
    assert ("99% of all" in text) == (task.name == "decoding-recall")


def test_a_range_of_sizes(plait, plait_json, tmp_path):
    args = ("selective-copying", "--range", "n_words=4..20", "--seq-len", 30, "-o", "b")
    found = plait_json("bounds", *args)
    assert [row["size"] for row in found["sizes"]] == [4, 8, 16, 20]
    for row in found["sizes"]:
        wanted = bounds_table(SelectiveCopying(n_words=row["size"]), 30)
        assert [entry["value"] for entry in row["bounds"]] == [plain_json(entry.value) for entry in wanted]
    assert (tmp_path / "b" / "bounds.svg").read_text().startswith("<svg")
    lines = plait("bounds", *args).stdout.splitlines()
    assert [line.split()[0] for line in lines[4:8]] == ["4", "8", "16", "20"]
    assert "Theorem 3.3 as printed" in lines[2]
    lines = plait(
        "bounds", "associative-recall", "--range", "n_words=4..32", "--seq-len", 30
    ).stdout.splitlines()
    assert "any length" in lines[2]  # a column of the larger sizes alone


def test_the_frontier_is_the_library_s(plait, plait_json, saved_model, tmp_path):
    args = ("bounds", "selective-copying", "--seq-len", 40, "--frontier", "--model", saved_model)
    found = plait_json(*args, "-o", "f")
    points = frontier(SelectiveCopying(), 40)
    assert [(entry["reach"], entry["bits"]) for entry in found["frontier"]] == [
        (point.reach, plain_json(point.bits)) for point in points
    ]
    assert not found["searched"]
    assert (tmp_path / "f" / "frontier.svg").read_text().startswith("<svg")
    for entry in found["frontier"][:-1]:
        assert json.loads(Path(tmp_path / entry["file"]).read_text()) == entry["certificate"]
    accepted = plait_json("check", found["frontier"][12]["file"])
    assert accepted["accepted"]
    assert accepted["reach"] >= 12
    built, given = found["models"]
    assert (built["kind"], built["ruled_out"]) == ("built", False)
    assert (given["model"], given["reach"], given["bits"]) == ("model", 5 + 3, 32 * 8 * 16)
    assert given["needed"] == found["frontier"][8]["bits"]
    text = plait(*args).stdout
    assert "48,157,636,876,575" in text
    assert "not ruled out" in text


def test_the_frontier_of_a_task_of_one_s_own_is_searched(plait, plait_json):
    args = ("bounds", "examples.my_task:DelayedCopy", "--param", "lag=3", "--seq-len", 12, "--frontier")
    found = plait_json(*args, "--reach", "1,3", "--seconds", 1)
    assert found["searched"]
    first, second = found["frontier"]
    assert (first["bits"], second["bits"]) == (6, 0)  # two of three words are left behind one token
    assert first["certificate"]["filler"] == [first["certificate"]["filler"][0]]
    assert "found by search" in plait(*args, "--reach", "1", "--seconds", 0.2).stdout


def test_a_frontier_of_which_nothing_was_found_does_not_say_that_nothing_is_needed(plait, plait_json):
    args = ("bounds", "examples.my_task:DelayedCopy", "--param", "lag=3", "--seq-len", 12, "--frontier")
    args = (*args, "--reach", "8,10,11", "--seconds", 0.2)
    statements = [entry["statement"] for entry in plait_json(*args)["frontier"]]
    assert ["found no family" in text for text in statements] == [True, True, False]
    assert ["see every input" in text for text in statements] == [False, False, True]
    text = plait(*args).stdout
    assert "nothing was found" in text.split("nothing is left to need")[0]
    assert "nothing was found: that proves nothing" in text


def test_numbers_of_states_are_shown_where_they_can_be_read(plait, plait_json):
    assert "exactly 100 states" in plait("bounds", "needle", "--param", "n_words=99").stdout
    states = [
        row["bound"] and row["bound"]["states"]
        for row in plait_json("bounds", "associative-recall", "--param", "n_words=2000")["bounds"]
    ]
    assert states == [None, None, None, None]  # 2000^1999 states at any length, too many digits for a line
    found = plait_json("bounds", "associative-recall", "--param", "n_words=40", "--seq-len", 100)["bounds"]
    assert found[0]["bound"]["states"] == 40**39


def test_sampled_bounds_say_so(plait):
    assert "sampled, 1 - 1e-06" in plait("bounds", "multi-key-recall").stdout


def test_certificates_are_written_and_accepted(plait, plait_json, tmp_path):
    args = ("associative-recall", "--param", "n_words=6", "--seq-len", 30)
    found = plait_json("bounds", *args, "--error", "0.05", "-o", "certificates")["bounds"]
    files = [row["file"] for row in found if row["file"]]
    assert len(files) == len(set(files)) >= 2
    for file in files:
        verdict = plait_json("check", file)
        assert verdict["accepted"]
        assert verdict["confidence"] > 0.99
        assert plait("check", file).stdout.startswith("accepted: ")


def test_bounds_of_a_task_of_one_s_own_are_searched_and_checked(plait, plait_json, refused, tmp_path):
    shutil.copy(EXAMPLES / "my_task.py", tmp_path)
    args = ("my_task:DelayedCopy", "--param", "n_words=2", "--param", "lag=1", "--seq-len", 6)
    found = plait_json("bounds", *args, "--seconds", 0.2, "-o", "c")["bounds"]
    state = found[0]
    assert 0 < state["value"] <= 1
    assert state["bound"]["found"]
    assert [row["model"] for row in found][1] == "pure SSM, Theorem 3.3 as printed"
    assert found[1]["value"] <= 0
    own = ("--task", "my_task:DelayedCopy", "--param", "n_words=2", "--param", "lag=1")
    assert plait_json("check", state["file"], *own)["accepted"]
    assert plait("check", state["file"]).exit_code == 1
    assert "known family" in refused("bounds", *args, "--error", "0.1")
    assert "budget" in refused("bounds", *args, "--seconds", 0)


def test_bounds_of_a_task_of_plait_without_a_closed_form_are_searched_and_checked(plait_json, refused):
    small = [text for name in ("n_keys", "n_values", "n_pairs") for text in ("--param", f"{name}=2")]
    args = ("mqar", *small, "--seq-len", 9)
    # By hand: the values of the keys, with the key that waits for one; and how far back the deciding token stands,
    # which is the first value, or, where the first is kept, the key before it (whose later value is no news then).
    for keep, states, tokens in (("latest", 2**2 * 3, 7), ("first", 3 * 5, 8)):
        found = plait_json("bounds", *args, "--param", f'keep="{keep}"', "--seconds", 0.2, "-o", keep)
        state, reach = found["bounds"][0], found["bounds"][-1]
        assert 1.5 <= state["value"] <= math.log2(states)
        assert reach["value"] == tokens
        assert plait_json("check", state["file"])["accepted"]
        assert found["automaton"]["counting"]["aperiodic"]
    assert "known family" in refused("bounds", *args, "--error", "0.1")


def test_a_task_of_plait_without_a_rule_in_the_checker_keeps_its_bounds(plait_json, tmp_path, monkeypatch):
    shutil.copy(EXAMPLES / "my_task.py", tmp_path)
    new = parse_task("my_task:DelayedCopy")
    own = plait_json("bounds", "my_task:DelayedCopy", "--seq-len", 6, "--seconds", 0.2)
    monkeypatch.setattr("plait.tasks.registry.TASKS", {**TASKS, "delayed-copy": type(new)})
    found = plait_json("bounds", "delayed-copy", "--seq-len", 6, "--seconds", 0.2, "-o", ".")
    assert [row["value"] for row in found["bounds"]] == [row["value"] for row in own["bounds"]]
    file = found["bounds"][0]["file"]
    assert plait_json("check", file, "--task", "my_task:DelayedCopy")["accepted"]


def test_a_certificate_that_was_raised_is_refused_with_exit_1(plait, plait_json):
    found = plait_json("bounds", "needle", "--seq-len", 20, "-o", ".")
    file = Path(next(row["file"] for row in found["bounds"] if row["file"]))
    document = json.loads(file.read_text())
    file.write_text(json.dumps(document | {"bits": 100.0}))
    result = plait("check", file, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["accepted"] is False
    assert plait("check", file).stdout.startswith("refused: ")


def test_a_pipe_into_which_nobody_writes_is_no_certificate(refused, monkeypatch):
    monkeypatch.setattr("plait.theory.checker.document._PIPE_SECONDS", 0)
    os.mkfifo("pipe")
    writer = threading.Timer(
        10, Path("pipe").write_text, ("late",)
    )  # lest the program wait for it without end
    writer.daemon = True
    writer.start()
    assert "pipe: a pipe into which nobody wrote for 0 seconds" in refused("check", "pipe")
    writer.cancel()


@pytest.mark.parametrize("change", [{"digest": None}, {"task": "neddle"}, {"codec": []}])
def test_a_damaged_certificate_is_refused_with_exit_1(plait, plait_json, change):
    found = plait_json("bounds", "needle", "--seq-len", 20, "-o", ".")
    file = Path(next(row["file"] for row in found["bounds"] if row["file"]))
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    result = plait("check", file)
    assert result.exit_code == 1
    assert result.stdout.startswith("refused: ")


@pytest.mark.parametrize("json_flag", [(), ("--json",)])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "JSON object"),
        (b"no certificate", "JSON object"),
        (b"[1, 2]", "JSON object"),
        (b"\x80\x02{[" * 3_000_000, "JSON object"),
        (b'{"format": "plait certificate", "ver', "not a JSON document"),
    ],
    ids=("empty", "text", "list", "binary", "cut off"),
)
def test_what_holds_no_certificate_is_a_mistake(refused, tmp_path, content, said, json_flag):
    (tmp_path / "file").write_bytes(content)
    line = refused("check", "file", *json_flag)
    assert line.startswith("plait: file: ")
    assert said in line


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("bounds",), "TASK"),
        (("bounds", "needle", "--error", "1"), "[0, 1)"),
        (("bounds", "needle", "--error", "-0.1"), "[0, 1)"),
        (("bounds", "needle", "--error", "some"), "error"),
        (("bounds", "needle", "--frontier", "--range", "n_words=2..4"), "leave out --range"),
        (("bounds", "needle", "--model", "x"), "are for --frontier"),
        (("bounds", "multi-key-recall", "--param", "key_length=1000000000", "--frontier"), "2^60 keys"),
        (("bounds", "needle", "--range", "n_words=0..3"), "go up"),
        (("bounds", "needle", "--range", "n_word=2..3"), "nearest: n_words"),
        (("check", "."), "directory"),
        (("check", "x", "--param", "n_words=3"), "--task"),
        (("memory", "."), "config.json: No such file"),
        (("memory", JAMBA, "--seq-len", "x"), "--seq-len"),
        (("memory", JAMBA, "--batch", "0"), "batch"),
        (("memory", JAMBA, "--plan", "--budget", "100", "--items", "3", "--seq-len", "5,6"), "--seq-len"),
    ],
)
def test_what_is_refused(refused, args, said):
    assert said in refused(*args)
