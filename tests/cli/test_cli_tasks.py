import json

import pytest
import torch
import typer

from plait.tasks import TASKS, AssociativeRecall, SelectiveCopying

ROWS = [[0, 26, 1, 2, 3, 4, 5, 6], [7, 27, 26, 26, 0, 1, 30, 3]]


def expected(task, rows):
    targets, scored = task.targets(torch.tensor(rows))
    return [
        [t if s else None for t, s in zip(*row, strict=True)]
        for row in zip(targets.tolist(), scored.tolist(), strict=True)
    ]


def test_tasks_lists_every_task(plait, plait_json):
    assert [row["task"] for row in plait_json("tasks")] == list(TASKS)
    text = plait("tasks").stdout
    assert all(name in text for name in TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_one_task_is_shown_with_a_labelled_example(plait, plait_json, name):
    shown = plait_json("tasks", name, "--seq-len", 30, "--seed", 4)
    tokens, targets = shown["example"]["tokens"], shown["example"]["targets"]
    assert len(tokens) == len(targets) == 30
    assert [targets] == expected(TASKS[name](), [tokens])
    assert len(shown["token_names"]) == shown["vocab_size"]
    text = plait("tasks", name, "--seq-len", 30, "--seed", 4).stdout
    names = [shown["token_names"][token] for token in tokens]
    shown_rows = text.partition("\nvocabulary")[2].splitlines()
    lines = [line.split()[1:] for line in shown_rows if line.startswith("tokens  ")]
    assert [word for line in lines for word in line] == names


@pytest.mark.parametrize("separator", ["true", "false"])
def test_a_task_of_longer_rows_is_shown_at_a_length_that_it_takes(plait_json, refused, separator):
    packed = ("tasks", "plait.tasks.packed:Packed", "--param", f"separator={separator}")
    assert len(plait_json(*packed)["example"]["tokens"]) == 96
    assert "need rows of" in refused(*packed, "--seq-len", 24)


@pytest.mark.parametrize("name", ["plait.tasks.packed:Packed", "plait.tasks.framed:Framed"])
def test_a_task_within_a_task_is_shown_as_a_parameter_takes_it(plait, plait_json, name):
    line = next(
        row for row in plait("tasks", name).stdout.splitlines() if row.startswith("parameters  task=")
    )
    inner = line.removeprefix("parameters  task=").split()[0]
    assert json.loads(inner) == plait_json("tasks", name)["parameters"]["task"]
    assert line in plait("tasks", name, "--param", f"task={inner}").stdout


def test_parameters_reach_the_task(plait_json):
    shown = plait_json(
        "tasks", "selective-copying", "--param", "numbers=[1,2]", "--param", "variant=adversarial"
    )
    assert shown["parameters"]["numbers"] == [1, 2]
    assert shown["parameters"]["variant"] == "adversarial"
    assert shown["vocab_size"] == SelectiveCopying(numbers=(1, 2)).vocab_size


def test_label_gives_the_targets_of_a_file(plait, plait_json, tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    wanted = expected(SelectiveCopying(), ROWS)
    assert json.loads(plait("label", "selective-copying", "--tokens", "rows.json").stdout) == wanted
    assert plait_json("label", "selective-copying", "--tokens", "rows.json") == wanted
    assert any(None in row for row in wanted)


def test_label_reads_stdin_and_parameters(plait_json):
    rows = [[0, 1, 0, 1, 1]]
    found = plait_json(
        "label", "associative-recall", "--tokens", "-", "--param", "n_words=2", stdin=json.dumps(rows)
    )
    assert found == expected(AssociativeRecall(n_words=2), rows) == [[None, None, 1, 0, 1]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("[[0, 34]]", "[0, 34), got 34"),
        ("[[0, 31]]", "31"),  # <bos>: in the vocabulary, but no row of this task has it
        ("[[0, -1]]", "got -1"),
        ("[[0, 1.5]]", "got 1.5"),
        ("[[0, 1.0]]", "got 1.0"),
        ("[[0, true]]", "got True"),
        ('[[0, "a"]]', "got 'a'"),
        ("[[0, null]]", "got None"),
        ("[[0, 1e400]]", "got inf"),
        ("[[99999999999999999999999]]", "got 99999999999999999999999"),
        ("[[0, 1], [2]]", "row 0 has 2 and row 1 1"),
        ("[[]]", "row 0 is empty"),
        ("[]", "an empty list"),
        ("[0, 1]", "list of rows"),
        ("[[[0]]]", "got [0]"),
        ("{}", "list of rows"),
        ("3", "list of rows"),
        ("[[0, 1]", "stdin: no JSON"),
        ("", "stdin: no JSON"),
        ("[" * 100_000, "stdin: no JSON"),
        (b"\xff\xfe\xfa", "stdin: no JSON"),
    ],
)
def test_tokens_that_are_refused(refused, rows, said):
    assert said in refused("label", "selective-copying", "--tokens", "-", stdin=rows)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("tasks", "selective-copyin"), "nearest: selective-copying"),
        (("tasks", "needle", "--seq-len", 0), "got 0"),
        (("tasks", "needle", "--seq-len", 10**30), "seq_len"),
        (("tasks", "needle", "--seed", -1), "seed"),
        (("tasks", "selective-copying", "--param", "p_number=NaN"), "[0, 1]"),
        (("tasks", "selective-copying", "--param", "p_number=word"), "[0, 1]"),
        (("label", "selective-copying", "--tokens", "."), "directory"),
    ],
)
def test_tasks_and_parameters_that_are_refused(refused, args, said):
    assert said in refused(*args)


OWN_TASK = '''
"""Says the token before."""
import torch

class Before:
    vocab_size = 3
    token_names = ("x", "y", "z")
    def sample(self, stream, batch=8, seq_len=100):
        return stream.integers(3, (batch, seq_len))
    def targets(self, tokens):
        scored = torch.ones_like(tokens, dtype=torch.bool)
        scored[..., 0] = False
        return tokens.roll(1, -1), scored

class Broken(Before):
    def targets(self, tokens):
        return tokens
'''


def test_a_task_of_the_working_folder(plait, plait_json, refused, tmp_path):
    (tmp_path / "before_task.py").write_text(OWN_TASK)
    assert plait_json("label", "before_task:Before", "--tokens", "-", stdin="[[0,1,2]]") == [[None, 0, 1]]
    assert plait_json("tasks", "before_task:Before")["about"] == "Says the token before."
    assert "Targets" in refused("label", "before_task:Broken", "--tokens", "-", stdin="[[0,1,2]]")
    assert "got 3" in refused("label", "before_task:Before", "--tokens", "-", stdin="[[0,3]]")


def test_what_fails_where_libraries_are_is_no_code_of_the_user_s(plait, refused, tmp_path, monkeypatch):
    """As `pip install --target DIR` puts them; a defect keeps its traceback."""
    (tmp_path / "kept_task.py").write_text(OWN_TASK.replace("return tokens\n", "raise KeyError(0)\n"))
    asked = ("label", "kept_task:Broken", "--tokens", "-")
    assert "kept_task.py, line 17: KeyError: 0" in refused(*asked, stdin="[[0,1,2]]")
    monkeypatch.setattr(typer, "__file__", str(tmp_path / "typer" / "__init__.py"))
    with pytest.raises(KeyError, match="0"):
        plait(*asked, stdin="[[0,1,2]]")
