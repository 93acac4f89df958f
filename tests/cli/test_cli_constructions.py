import pytest
import torch

from plait import Stream, load
from plait.constructions import describe, load_plan
from plait.memory import count
from plait.tasks import DecodingRecall, SelectiveCopying

SMALL = ("--param", "n_words=4", "--param", "numbers=[1,3]")


@pytest.fixture
def copying(plait, tmp_path):
    assert plait("build", "selective-copying", *SMALL, "--seq-len", 30, "-o", "copying").exit_code == 0
    return tmp_path / "copying"


def test_a_built_model_answers_everything(plait_json, copying):
    args = ("--task", "selective-copying", *SMALL, "--seq-len", "10,40", "--sequences", 50)
    for row in plait_json("eval", copying, *args)["results"]:
        assert row["correct"] == row["scored"] > 0


def test_a_built_model_answers_in_a_pipe(plait, copying):
    task = SelectiveCopying(n_words=4, numbers=(1, 3))
    tokens = task.sample(Stream(0), batch=1, seq_len=25)[0]
    targets, scored = task.targets(tokens)
    names = [task.token_names[token] for token in tokens.tolist()]
    result = plait("stream", copying, "--task", task.name, *SMALL, stdin=" ".join(names))
    answers = result.stdout.split()
    wanted = [task.token_names[token] for token in targets.tolist()]
    assert [a for a, s in zip(answers, scored.tolist(), strict=True) if s] == [
        w for w, s in zip(wanted, scored.tolist(), strict=True) if s
    ]


def test_the_cost_is_what_memory_counts(plait_json, copying):
    plan, config = load_plan(copying), load(copying).config
    cost = describe(plan)["cost"]
    report = count(config, 30)
    assert (cost["parameters"], cost["state_bits"]) == (report.parameters, report.state_bits)
    (entry,) = plait_json("memory", copying, "--seq-len", 30)["lengths"]
    assert entry["parameters"] == cost["parameters"]


def test_the_smallest_is_smaller_and_as_right(plait_json):
    args = ("decoding-recall", "--param", "n_bits=2", "--seq-len", 30)
    plain = plait_json("build", *args, "-o", "plain")
    small = plait_json("build", *args, "--smallest", "-o", "small", "--success", "0.9")
    assert small["cost"]["parameters"] < plain["cost"]["parameters"]
    tokens = DecodingRecall(n_bits=2).sample(Stream(1), batch=50, seq_len=30)
    targets, scored = DecodingRecall(n_bits=2).targets(tokens)
    for folder, share in (("plain", 0.98), ("small", 0.88)):
        with torch.no_grad():
            right = (load(folder)(tokens).argmax(-1) == targets)[scored]
        assert right.float().mean() > share


def test_what_is_printed_is_what_was_built(plait, tmp_path):
    result = plait(
        "build", "decoding-recall", "--param", "n_bits=2", "--seq-len", 20, "--pattern", "SSM-TF", "-o", "m"
    )
    assert result.exit_code == 0
    assert f"{describe(load_plan(tmp_path / 'm'))['cost']['parameters']:,}" in result.stdout
    assert load(tmp_path / "m").config.pattern == "SSM-TF"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("needle", "--seq-len", 9, "-o", "m"), "needle has none"),
        (("selective-copyin", "--seq-len", 9, "-o", "m"), "nearest: selective-copying"),
        (("selective-copying", "-o", "m"), "--seq-len"),
        (("selective-copying", "--seq-len", 9), "--output"),
        (("selective-copying", "--seq-len", 0, "-o", "m"), "seq_len"),
        (("selective-copying", "--seq-len", 9, "--dtype", "float8", "-o", "m"), "nearest: float"),
        (
            ("selective-copying", "--seq-len", 9, "--pattern", "SSM-TF", "-o", "m"),
            "choices of decoding-recall",
        ),
        (("selective-copying", "--seq-len", 9, "--success", "0.5", "-o", "m"), "choices of decoding-recall"),
        (("decoding-recall", "--seq-len", 9, "--success", "1.5", "-o", "m"), "success"),
        (("decoding-recall", "--seq-len", 9, "--success", "nan", "-o", "m"), "success"),
        (("decoding-recall", "--seq-len", 9, "--pattern", "TF", "-o", "m"), "SSM-TF-TF"),
        (
            ("decoding-recall", "--seq-len", 9, "--smallest", "--pattern", "SSM-TF", "-o", "m"),
            "leave pattern out",
        ),
        (
            ("decoding-recall", "--param", "n_bits=16", "--seq-len", 50, "--dtype", "bfloat16", "-o", "m"),
            "bfloat16",
        ),
        (("selective-copying", "--seq-len", 9, "-o", "/proc/nowhere"), "/proc/nowhere"),
    ],
)
def test_what_cannot_be_built(refused, args, said):
    assert said in refused("build", *args)
