import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

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
    counted = count(load(tmp_path / "m").config, 20)
    for name in ("parameters", "ssm_state", "conv_tail", "kv_cache", "state_bits"):
        row = next(
            line for line in result.stdout.splitlines() if line.strip().startswith(name.replace("_", " "))
        )
        assert row.split()[-2:] == [f"{getattr(counted, name):,}"] * 2
    assert load(tmp_path / "m").config.pattern == "SSM-TF"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("selective-copyin", "--seq-len", 9, "-o", "m"), "nearest: selective-copying"),
        (("selective-copying", "-o", "m"), "--seq-len"),
        (("selective-copying", "--seq-len", 9, "--dtype", "float8", "-o", "m"), "nearest: float"),
        (
            ("selective-copying", "--seq-len", 9, "--pattern", "SSM-TF", "-o", "m"),
            "choices of decoding-recall",
        ),
        (("selective-copying", "--seq-len", 9, "--success", "0.5", "-o", "m"), "choices of decoding-recall"),
        (("decoding-recall", "--seq-len", 9, "--success", "1.5", "-o", "m"), "success"),
        (("decoding-recall", "--seq-len", 9, "--success", "nan", "-o", "m"), "success"),
    ],
)
def test_what_cannot_be_built(refused, args, said):
    assert said in refused("build", *args)


@pytest.mark.parametrize(
    ("seq_len", "words", "largest", "defined", "undefined"),
    [(4, 2, 2, 240, 16), (5, 2, 1, 211, 32), (5, 2, 2, 992, 32), (6, 1, 2, 728, 1), (6, 1, 3, 4095, 1)],
)
def test_verify_every_input(plait, plait_json, seq_len, words, largest, defined, undefined):
    """The counts of small domains, known beforehand."""
    numbers = list(range(1, largest + 1))
    task = ("--param", f"n_words={words}", "--param", f"numbers={numbers}")
    plait("build", "selective-copying", *task, "--seq-len", seq_len, "-o", "m")
    args = ("verify", "m", "--task", "selective-copying", *task, "--exhaustive")
    found = plait_json(*args, "--dtype", "float64", "--dtype", "bfloat16")
    assert found["passed"]
    assert [one["dtype"] for one in found["verified"]] == ["float64", "bfloat16"]
    for one in found["verified"]:
        tally = one["tallies"]["exhaustive"]
        assert tally["inputs"] == (words + largest) ** seq_len
        assert tally["checked"] == tally["right"] > 0
        assert (tally["last_defined"], tally["last_undefined"]) == (defined, undefined)
        assert tally["gap"]["value"] >= found["claims"]["logit_gap"] * (
            0.5 if one["dtype"] == "bfloat16" else 1
        )
    text = plait(*args).stdout
    assert f"{defined:,} inputs with a target, {undefined:,} without" in text
    assert text.endswith("\nverified\n")


def test_verify_samples_and_adversarial_inputs(plait, plait_json, copying):
    args = ("verify", copying, "--task", "selective-copying", *SMALL)
    found = plait_json(*args, "--samples", 500, "--adversarial")
    tallies = found["verified"][0]["tallies"]
    assert set(tallies) == {"samples", "adversarial"}
    assert tallies["samples"]["checked"] >= 500
    longer = plait(*args, "--samples", 500, "--seq-len", 60)
    assert longer.exit_code == 0
    assert "built for 30 tokens" in longer.stdout


def test_a_changed_weight_is_caught_with_a_counterexample(plait, copying):
    path = copying / "model.safetensors"
    tensors = load_file(path)
    tensors["layers.1.attention.dense.weight"].zero_()
    save_file(tensors, path)
    args = ("verify", copying, "--task", "selective-copying", *SMALL, "--samples", 500)
    result = plait(*args)
    assert result.exit_code == 1
    assert "layers.1.attention.dense.weight" in result.stdout
    assert "wrong after" in result.stdout
    assert result.stdout.endswith("not verified\n")
    found = json.loads(plait(*args, "--json").stdout)
    assert found["passed"] is False
    wrong = found["verified"][0]["counterexample"]
    task = SelectiveCopying(n_words=4, numbers=(1, 3))
    targets, scored = task.targets(torch.tensor(wrong["tokens"]))
    assert scored[-1]
    assert int(targets[-1]) == wrong["expected"]
    assert int(load(copying)(torch.tensor([wrong["tokens"]]))[0, -1].argmax()) == wrong["got"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--task", "selective-copying"), "vocab_size"),
        (("--task", "selective-copying", *SMALL, "--exhaustive"), "6^30"),
        (("--task", "selective-copying", *SMALL, "--seq-len", 0), "seq_len"),
        (("--task", "selective-copying", *SMALL, "--seq-len", 3), "exceed every number"),
        (("--task", "selective-copying", *SMALL, "--seed", -1), "seed"),
    ],
)
def test_what_verify_refuses(refused, copying, args, said):
    assert said in refused("verify", copying, *args)


def test_a_window_changed_by_hand_is_refused(refused, copying):
    config = json.loads((copying / "config.json").read_text())
    (copying / "config.json").write_text(json.dumps(config | {"window": 3}))
    assert "window is 3" in refused("verify", copying, "--task", "selective-copying", *SMALL)


def test_a_model_of_another_task_with_as_many_tokens_is_refused(refused, copying):
    for task in (
        ("selective-copying", "--param", "n_words=5", "--param", "numbers=[3]"),
        ("selective-copying", "--param", "n_words=4", "--param", "numbers=[1,2]"),
        ("decoding-recall", "--param", "n_bits=2"),
    ):
        said = refused("verify", copying, "--task", *task)
        assert "built for selective-copying (n_words=4, numbers=(1, 3))" in said
        assert said.count("\n") == 1


def test_how_often_tokens_are_drawn_makes_no_other_task(plait, copying):
    args = ("verify", copying, "--task", "selective-copying", *SMALL, "--samples", 500)
    assert plait(*args, "--param", "p_number=0.5", "--param", 'variant="repetitive"').exit_code == 0


def test_a_task_of_ones_own_is_read_but_nothing_is_claimed_of_it(plait_json, copying, tmp_path):
    (tmp_path / "own_copying.py").write_text(
        "from plait.tasks import SelectiveCopying\n\nclass Own(SelectiveCopying):\n    pass\n"
    )
    args = ("verify", copying, "--task", "own_copying:Own", *SMALL, "--samples", 500)
    found = plait_json(*args)
    assert found["passed"]
    assert found["claims"]["logit_gap"] is None


def test_verify_says_how_far_the_proof_reaches_in_each_type(plait, plait_json):
    built = ("build", "selective-copying", *SMALL, "--seq-len", 20)
    plait_json(*built, "--smallest", "-o", "line")
    args = ("verify", "line", "--task", "selective-copying", *SMALL, "--samples", 500)
    result = plait(*args, "--dtype", "float64", "--dtype", "float32")
    assert "float32: proved, rounding included" in result.stdout
    coarse = plait(*args, "--dtype", "bfloat16")
    assert "bfloat16: proved in exact arithmetic, but" in coarse.stdout


def test_the_smallest_stands_beside_the_other_layouts(plait, plait_json):
    args = ("build", "selective-copying", *SMALL, "--seq-len", 20, "--smallest", "-o", "m")
    found = plait_json(*args)
    assert found["layouts"][0]["parameters"] <= found["cost"]["parameters"]
    assert {"precision_bits", "float32", "width", "logit_gap"} <= set(found["layouts"][0])
    shown = plait(*args).stdout
    assert "none better in both" in shown
    assert "one line" in shown


def test_a_tie_is_told_as_one_and_so_is_nothing_to_check(plait):
    plait("build", "decoding-recall", "--param", "n_bits=2", "--seq-len", 20, "-o", "m")
    args = ("verify", "m", "--task", "decoding-recall", "--param", "n_bits=2", "--exhaustive")
    alone = plait(*args, "--seq-len", 1)
    assert alone.exit_code == 1
    assert "no position has a target" in alone.stdout
    path = Path("m/model.safetensors")
    tensors = load_file(path)
    tensors["final_norm.weight"].zero_()
    save_file(tensors, path)
    tied = plait(*args, "--seq-len", 2)
    assert tied.exit_code == 1
    assert "the target is w0, which leads by nothing" in tied.stdout


def test_long_work_says_how_far_it_is(plait, copying, monkeypatch):
    monkeypatch.setattr("plait.cli.verify.SECONDS_A_LINE", 0.0)
    result = plait("verify", copying, "--task", "selective-copying", *SMALL, "--exhaustive", "--seq-len", 8)
    assert result.exit_code == 0
    assert "plait: exhaustive: " in result.stderr
    assert " of 1,679,616 after " in result.stderr
