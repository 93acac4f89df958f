"""Arguments of commands as hypothesis draws them: mostly good, now and then anything."""

import dataclasses
import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from plait import HybridConfig
from plait.tasks import TASKS
from plait.training import Train

CASES = settings(
    deadline=None,
    max_examples=300,  # the same ones each time: fuzz.py goes on from there, with others
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
