import io
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plait import load
from plait.cli.stream import Mark, words
from plait.tasks import SelectiveCopying

NAMES = SelectiveCopying().token_names
ROWS = ([0, 26, 5, 7, 30, 1, 1, 2, 3, 27, 4], [28, 0, 1], [6, 6, 29, 6])


def greedy(folder, row):
    with torch.no_grad():
        return load(folder)(torch.tensor([row])).argmax(-1)[0].tolist()


def test_answers_are_those_of_the_parallel_pass(plait, plait_json, saved_model):
    text = "\n\n".join(" ".join(map(str, row)) for row in ROWS)
    result = plait("stream", saved_model, stdin=text)
    answered = [[int(word) for word in line.split()] for line in result.stdout.split("\n\n")]
    assert answered == [greedy(saved_model, row) for row in ROWS]
    told = plait_json("stream", saved_model, stdin=text)
    assert told.count(None) == 2
    assert [entry["answer"] for entry in told if entry] == [token for row in answered for token in row]
    assert all(entry["gap"] >= 0 for entry in told if entry)


def test_names_in_names_out_and_a_line_for_a_line(plait, saved_model):
    row = ROWS[0]
    named = [NAMES[token] for token in row]
    text = f"{' '.join(named[:4])}\n{' '.join(named[4:])}\n"
    result = plait("stream", saved_model, "--task", "selective-copying", stdin=text)
    wanted = [NAMES[token] for token in greedy(saved_model, row)]
    assert [line.split() for line in result.stdout.splitlines()] == [wanted[:4], wanted[4:]]


def test_nothing_in_nothing_out(plait, plait_json, saved_model):
    assert plait("stream", saved_model, stdin="").stdout == ""
    assert plait_json("stream", saved_model, stdin="") == []


@given(text=st.text(alphabet="ab \n\té", max_size=40), cuts=st.lists(st.integers(1, 5), max_size=60))
def test_words_do_not_depend_on_how_the_bytes_arrive(text, cuts):
    class Slow(io.BytesIO):
        def read1(self, size=-1):
            return self.read(sizes.pop() if sizes else 1)

    sizes = list(cuts)
    found = [word for word in words(Slow(text.encode())) if word is not Mark.PAUSE]
    assert [word for word in found if isinstance(word, str)] == text.split()
    lines = text.split("\n")[:-1]
    marks = [word for word in found if isinstance(word, Mark)]
    assert marks == [Mark.LINE if line.split() else Mark.RESTART for line in lines]


@pytest.mark.parametrize(
    ("args", "stdin", "said"),
    [
        ((), "34", "[0, 34), got 34"),
        ((), "-1", "integers"),
        ((), "1.5", "integers"),
        ((), "a", "--task"),
        ((), "9" * 100, "integers"),
        ((), "9" * 1000, "at most 128"),
        ((), b"\xff\xfe", "utf-8"),
        (("--task", "selective-copying"), "zz", "unknown token 'zz'"),
        (("--task", "selective-copying"), "0", "unknown token '0'"),
        (("--task", "needle"), "0", "vocab_size"),
        (("--param", "n_words=3"), "0", "--task"),
        (("--device", "gpu"), "0", "auto, cpu or cuda"),
    ],
)
def test_what_stream_refuses(refused, saved_model, args, stdin, said):
    assert said in refused("stream", saved_model, *args, stdin=stdin)


def test_a_folder_without_a_model(refused):
    assert "config.json" in refused("stream", "nowhere", stdin="0")


def test_what_was_right_before_a_wrong_token_is_answered(plait, saved_model):
    result = plait("stream", saved_model, "--json", stdin="0 99")
    assert result.exit_code == 2
    assert json.loads(result.stdout + "]")[0]["token"] == 0
