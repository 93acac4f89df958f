"""Random words after every command: an answer, or one line and exit 2, but never a traceback."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from plait import HybridConfig
from plait.cli import app
from plait.model import HybridLM
from plait.tasks import TASKS
from plait.training import Train

CASES = settings(
    deadline=None,
    max_examples=500,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Large numbers are either refused or cost nothing: what lies between would only cost memory.
INTEGERS = st.sampled_from((-1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 100, -(2**31), 2**31, 2**63, 10**30))
NUMBERS = st.sampled_from((-0.5, 0.0, 0.1, 0.2, 0.5, 1.0, 1.5, 1e-300, 1e300, float("nan"), float("inf")))
TEXTS = st.sampled_from(
    ("paper", "mamba", "last", "adversarial", "float32", "float64", "", "x", "é", "\0", "[", "]:")
)
SCALARS = st.one_of(INTEGERS, NUMBERS, TEXTS, st.booleans(), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(TEXTS, SCALARS, max_size=2))
WRITTEN = st.one_of(VALUES.map(json.dumps), st.text(max_size=8))


def mostly(good, bad):
    """One in about eight is bad, so that many arguments together are often good."""
    return st.integers(0, 7).flatmap(lambda i: bad if i == 7 else good)


SMALL = st.integers(1, 8)
GOOD_FIELDS = {
    "n_words": SMALL,
    "numbers": st.lists(st.integers(1, 7), min_size=1, max_size=3, unique=True),
    "p_number": st.sampled_from((0, 0.2, 1.0)),
    "p_bit": st.sampled_from((0, 0.2, 1.0)),
    "variant": st.sampled_from(("uniform", "adversarial", "interleaved", "last")),
    "n_bits": st.integers(1, 3),
    "key_length": st.integers(1, 3),
    **dict.fromkeys(
        ("n_letters", "n_noise", "n_segments", "rows", "columns", "hops", "n_kinds", "depth"), SMALL
    ),
    **dict.fromkeys(("n", "n_positions"), st.integers(1, 2)),
    "least": SMALL,
    "modulus": st.integers(2, 8),
    "score_marker": st.booleans(),
    "pattern": st.sampled_from(("SSM-TF", "(TF-SSM)*2")),
    "d_model": st.sampled_from((4, 8)),
    "n_heads": st.sampled_from((1, 2)),
    "rotary_fraction": st.sampled_from((0, 0.25, 1)),
    "rotary_base": st.sampled_from((10.0, 1e4)),
    "dropout": st.sampled_from((0, 0.5)),
    "norm_eps": st.sampled_from((1e-5, 1)),
    "init": st.sampled_from(("paper", "mamba")),
    "vocab_size": st.none(),
    "lr": st.sampled_from((1e-3, 1)),
    "weight_decay": st.sampled_from((0, 0.1)),
    "clip": st.sampled_from((0.5, 1)),
    "dtype": st.sampled_from(("float32", "float64", "bfloat16")),
    "seq_len": st.integers(8, 20),
}
CONFIG_FIELDS = tuple(HybridConfig(5, d_model=4).to_json())
TRAIN_FIELDS = tuple(Train().to_json())
TASK_FIELDS = {name: [field.name for field in dataclasses.fields(task)] for name, task in TASKS.items()}

PATTERNS = mostly(
    st.sampled_from(("SSM-TF", "TF", "SSM", "(SSM*2-TF)*2", "TF-TF")),
    st.one_of(
        st.sampled_from(("nowhere:Layer", "json:dumps", "os.path:join", "torch.nn:Linear")),
        st.lists(
            st.sampled_from(("SSM", "TF", "-", "*", "(", ")", "2", "0", "99999", ":", " ")), max_size=7
        ).map("".join),
    ),
)
TASK_NAMES = mostly(
    st.sampled_from(tuple(TASKS)),
    st.one_of(
        st.sampled_from(("nowhere:Task", "json:JSONEncoder", "plait.tasks:Needle", "json:", ":x")),
        st.text(max_size=6),
    ),
)


def fields(option, names):
    """`OPTION NAME=JSON`, now and then with a name that is not known or a value that is not good."""

    def entry(name):
        value = mostly(GOOD_FIELDS.get(name, SMALL).map(json.dumps), WRITTEN)
        return value.map(lambda text: (option, f"{name}={text}"))

    return mostly(st.sampled_from(names), st.text(max_size=5)).flatmap(entry)


def option(name, good, bad=None):
    values = good if bad is None else mostly(good, bad)
    return values.map(lambda value: (name, str(value)))


ANY_TEXT = st.one_of(INTEGERS.map(str), NUMBERS.map(str), st.text(max_size=8))
DEVICES = option("--device", st.sampled_from(("auto", "cpu")), st.sampled_from(("gpu", "")))
JSON = st.just(("--json",))


def arguments(*options, most=5):
    """Options, each at most once."""
    some = st.lists(
        st.one_of(*options, DEVICES), max_size=most, unique_by=lambda part: "".join(part).split("=")[0]
    )
    return some.map(lambda parts: [word for part in parts for word in part])


def task_and(*options, most=4, tasks=TASK_NAMES):
    """A task's name, and arguments with parameters of its own."""

    def with_params(task):
        names = TASK_FIELDS.get(task, ["n_words"])
        return st.tuples(st.just(task), arguments(fields("--param", names), *options, most=most))

    return tasks.flatmap(with_params)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
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
    ends_well(["bounds", task, "--seconds", "0.1", *rest])  # of a search, where the task has no closed form


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
