import io
import json
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plait import Stream, load
from plait.cli.stream import Marker, answer_words
from plait.constructions import decoding_recall, save
from plait.tasks import DecodingRecall, SelectiveCopying
from plait.tasks.rows import StreamedScores

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
    _, scored = SelectiveCopying().targets(torch.tensor([row]))
    guesses = zip(greedy(saved_model, row), scored[0].tolist(), strict=True)
    wanted = [NAMES[token] if asked else f"({NAMES[token]})" for token, asked in guesses]
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
    found = [word for word in answer_words(Slow(text.encode())) if word is not Marker.PAUSE]
    assert [word for word in found if isinstance(word, str)] == text.split()
    lines = text.split("\n")[:-1]
    marks = [word for word in found if isinstance(word, Marker)]
    assert marks == [Marker.LINE if line.split() else Marker.RESTART for line in lines]


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


class TestScored:
    """What the task does not ask for is marked, however the tokens arrive."""

    @given(cuts=st.lists(st.integers(1, 7), min_size=1, max_size=30), seed=st.integers(0, 10))
    def test_what_is_asked_for_is_what_the_task_scores(self, cuts, seed):
        task = SelectiveCopying(n_words=3, numbers=(1, 2))
        (row,) = task.sample(Stream(seed), batch=1, seq_len=30).tolist()
        scores, found, place = StreamedScores(task), [], 0
        for cut in cuts:
            found += scores.read(row[place : place + cut])
            place += cut
        assert found == task.targets(torch.tensor([row])).scored[0, : len(found)].tolist()

    def test_a_variant_that_asks_at_the_end_alone(self):
        task, every = DecodingRecall(n_bits=1, variant="last"), DecodingRecall(n_bits=1)
        (row,) = every.sample(Stream(1), batch=1, seq_len=20).tolist()
        assert StreamedScores(task).read(row) == every.targets(torch.tensor([row])).scored[0].tolist()

    def test_memory_does_not_grow(self, monkeypatch):
        monkeypatch.setattr("plait.tasks.rows.MOST_TOKENS", 10)
        scores = StreamedScores(SelectiveCopying())
        assert scores.read([0] * 10) == [False] * 10
        assert scores.read([0] * 1000) == [None] * 1000
        assert len(scores._tokens) == 11
        scores.restart()
        assert scores.read([0]) == [False]

    def test_json_says_it(self, plait_json, saved_model):
        found = plait_json("stream", saved_model, "--task", "selective-copying", stdin="a 5' b c d e f")
        assert [entry["scored"] for entry in found] == [False] * 5 + [True] * 2
        assert "scored" not in plait_json("stream", saved_model, stdin="0")[0]


@pytest.fixture(scope="module")
def recall(tmp_path_factory):
    """Decoding recall, built for 20 tokens: its window is no longer than they are."""
    folder = tmp_path_factory.mktemp("built") / "recall"
    save(decoding_recall(DecodingRecall(n_bits=2), 20), folder)
    return folder


def test_past_the_built_length_a_word_is_said_once(plait, recall):
    task = DecodingRecall(n_bits=2)
    (row,) = task.sample(Stream(3), batch=1, seq_len=200).tolist()
    asked = ("stream", recall, "--task", "decoding-recall", "--param", "n_bits=2")
    inside = plait(*asked, stdin=" ".join(task.token_names[token] for token in row[:20]))
    assert inside.stderr == ""
    text = " ".join(task.token_names[token] for token in row)
    beyond = plait(*asked, stdin=f"{text}\n\n{text}\n")
    assert beyond.stderr == (
        "plait: this model was built for 20 tokens: nothing is promised of what comes after them, but where the token "
        "that an answer repeats is among the latest 19\n"
    )
    # Inside it is as right as it was claimed to be.
    tokens, scored = task.targets(torch.tensor([row[:20]]))
    for said, token, wanted in zip(
        inside.stdout.split(), tokens[0].tolist(), scored[0].tolist(), strict=True
    ):
        assert said.startswith("(") is not wanted
        assert not wanted or said == task.token_names[token]


def test_verify_says_what_share_nothing_is_claimed_of(plait, recall):
    asked = ("verify", recall, "--task", "decoding-recall", "--param", "n_bits=2", "--samples", 2000)
    said = plait(*asked, "--seq-len", 100)
    (line,) = [line for line in said.stdout.splitlines() if line.startswith("beyond:")]
    counts = r"beyond: [\d,]+ of [\d,]+ targets \(\d+\.\d%\) lie outside its window of 19 tokens; "
    assert re.fullmatch(counts + "it was not built to answer there, and they were not held against it", line)
    assert "beyond:" not in plait(*asked).stdout
