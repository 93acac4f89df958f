"""Random words after every command: an answer, or one line and exit 2, but never a traceback."""

import json
from pathlib import Path

import pytest
from drawn_arguments import (
    ANY_TEXT,
    CASES,
    CONFIG_FIELDS,
    GOOD_FIELDS,
    JSON,
    NUMBERS,
    PATTERNS,
    SCALARS,
    SMALL,
    TASK_NAMES,
    TEXTS,
    TRAIN_FIELDS,
    VALUES,
    fields,
    mostly,
    option,
    task_and,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from plait import HybridConfig
from plait.cli import app
from plait.model import HybridLM


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("plait.theory.search.found._ROWS", 300)  # words are tried here, not what a search finds
        HybridLM(HybridConfig(34, pattern="SSM-TF", d_model=4, window=3), seed=0).save(folder / "model")
        yield folder


def ends_well(args, stdin=None):
    args = [word.replace("\0", "0") for word in args]  # no shell passes that on
    result = CliRunner().invoke(app, args, input=stdin, catch_exceptions=False)
    event(f"exit {result.exit_code}")
    assert result.exit_code in (0, 1, 2), result.output
    if result.exit_code == 2:
        assert result.stderr.startswith("plait: ")
        assert result.stderr.count("\n") == 1, result.stderr
    else:
        assert "Traceback" not in result.output
        if "--json" in args and "--help" not in args:
            json.loads(result.stdout)


LENGTHS = option("--seq-len", st.integers(8, 30), ANY_TEXT)


@CASES
@given(
    given=task_and(
        LENGTHS,
        option("--pattern", PATTERNS),
        option("--d-model", st.sampled_from((4, 8)), ANY_TEXT),
        option("--window", st.sampled_from((1, 5, "full")), ANY_TEXT),
        option("--steps", SMALL, ANY_TEXT),
        option("--batch", SMALL, ANY_TEXT),
        option(
            "--seeds",
            st.sampled_from(("0..3", "0,1")),
            st.sampled_from(("3..", "..", "0..9999999999", "1,1")),
        ),
        option(
            "--lrs", st.sampled_from(("0.1,0.2", "1")), st.one_of(ANY_TEXT, st.sampled_from(("0.1,", ",")))
        ),
        fields("--model", CONFIG_FIELDS),
        fields("--train", TRAIN_FIELDS),
        JSON,
        most=7,
    )
)
def test_train(given):
    task, rest = given
    ends_well(["train", "--dry-run", "--task", task, *rest])


@CASES
@given(given=task_and(LENGTHS, option("--seed", SMALL, ANY_TEXT), JSON))
def test_tasks(given):
    task, rest = given
    ends_well(["tasks", task, *rest])


TOKENS = st.integers(0, 3)
ROWS = mostly(
    st.integers(1, 5)
    .flatmap(
        lambda n: st.lists(st.lists(mostly(TOKENS, SCALARS), min_size=n, max_size=n), min_size=1, max_size=3)
    )
    .map(json.dumps),
    st.one_of(VALUES.map(json.dumps), st.text(max_size=10), st.binary(max_size=10)),
)


@CASES
@given(given=task_and(JSON, most=3), rows=ROWS)
def test_label(given, rows):
    task, rest = given
    ends_well(["label", task, "--tokens", "-", *rest], stdin=rows)


FITTING = mostly(st.just("selective-copying"), TASK_NAMES)
WORDS = st.lists(
    mostly(st.integers(0, 33).map(str), st.one_of(ANY_TEXT, st.sampled_from("ab\n "))), max_size=8
)


@settings(CASES, max_examples=150)
@given(named=st.booleans(), given=task_and(JSON, most=2, tasks=FITTING), words=WORDS)
def test_stream(named, given, words):
    task, rest = given
    ends_well(["stream", "model", *(("--task", task) if named else ()), *rest], stdin=" ".join(words))


@settings(CASES, max_examples=150)
@given(
    given=task_and(
        option("--seq-len", st.sampled_from(("12", "9,10")), st.sampled_from(("0", "-1", "x", "", "1,,"))),
        option("--seed", SMALL, ANY_TEXT),
        option("--sequences", SMALL, st.sampled_from((0, -1, "x"))),
        tasks=FITTING,
    )
)
def test_eval(given):
    task, rest = given
    ends_well(["eval", "model", "--task", task, "--sequences", "2", *rest])


@settings(CASES, max_examples=60)
@given(given=task_and(LENGTHS, option("--error", st.sampled_from(("0", "0.01")), ANY_TEXT), JSON, most=3))
def test_bounds(given):
    task, rest = given
    ends_well(["bounds", task, "--seconds", "0.01", *rest])  # of a search, where the task has no closed form


@settings(CASES, max_examples=100)
@given(
    given=task_and(
        option("--dtype", st.sampled_from(("float64", "float32", "bfloat16")), st.sampled_from(("int8", ""))),
        option("--success", st.sampled_from((0.5, 0.9)), NUMBERS),
        option("--pattern", st.sampled_from(("SSM-TF", "SSM-TF-TF")), PATTERNS),
        st.just(("--smallest",)),
        JSON,
        tasks=mostly(st.sampled_from(("selective-copying", "decoding-recall")), TASK_NAMES),
        most=3,
    ),
    length=mostly(st.integers(1, 30).map(str), ANY_TEXT),
)
def test_build(given, length):
    task, rest = given
    ends_well(["build", task, "--seq-len", length, "-o", "built", *rest])


@settings(CASES, max_examples=60)
@given(
    given=task_and(
        st.just(("--exhaustive", "--most-inputs", "2000")),
        st.just(("--adversarial",)),
        option("--samples", SMALL, st.sampled_from((0, -1, "x"))),
        option("--seq-len", st.sampled_from((2, 12)), st.sampled_from((0, -1, "x"))),
        option("--dtype", st.sampled_from(("float64", "bfloat16")), st.just("int8")),
        JSON,
        tasks=FITTING,
        most=3,
    )
)
def test_verify(given):
    task, rest = given
    ends_well(["verify", "model", "--task", task, "--seq-len", "12", "--samples", "3", *rest])


COMMANDS = st.sampled_from(
    (
        "tasks",
        "attack",
        "verify",
        "build",
        "label",
        "train",
        "eval",
        "stream",
        "bounds",
        "check",
        "memory",
        "results",
        "report",
        "bench",
        "trai",
        "",
    )
)
STRAY = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ("--json", "--help", "--param", "-o", "model", "model/config.json", "needle", "--seq-len", "-", "--")
    ),
)


@settings(CASES, max_examples=200)
@given(command=COMMANDS, rest=st.lists(STRAY, max_size=4))
def test_anything(command, rest):
    if command == "train":
        rest = ["--dry-run", *rest]
    words = [word for word in rest if word not in ("-o", "engine")]
    ends_well(["--" if command == "" else command, *words], stdin="0")


@settings(CASES, max_examples=150)
@given(
    change=st.sampled_from(CONFIG_FIELDS).flatmap(
        lambda name: st.fixed_dictionaries({name: mostly(GOOD_FIELDS.get(name, SMALL), VALUES)})
    ),
    stray=mostly(st.just({}), st.dictionaries(TEXTS, VALUES, max_size=1)),
)
def test_a_config_of_other_fields(change, stray):
    """Every change of config.json: the old weights are refused or fit, and memory counts or refuses."""
    kept = Path("model/config.json").read_text()
    try:
        Path("model/config.json").write_text(json.dumps(json.loads(kept) | change | stray))
        ends_well(["stream", "model"], stdin="0 1")
        ends_well(["memory", "model", "--seq-len", "5"])
    finally:
        Path("model/config.json").write_text(kept)
