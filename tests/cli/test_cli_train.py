import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from plait import HybridConfig, load
from plait.experiments import Store
from plait.tasks import SelectiveCopying
from plait.training import Run, Train
from plait.training import train as library_train

SMALL = ("--steps", 3, "--train", "test_sequences=8", "--train", "select_sequences=4", "--d-model", 4)
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_train_gives_what_the_library_gives(plait_json):
    found = plait_json("train", *SMALL, "--seeds", "0,2", "--lrs", "0.01,0.03")
    run = Run(
        task=SelectiveCopying(),
        model=HybridConfig(pattern="SSM-TF", d_model=4, window=20),
        train=Train(steps=3, test_sequences=8, select_sequences=4),
    )
    assert Run.from_json(found["run"]) == run
    members = library_train(run, seeds=(0, 2), lrs=(0.01, 0.03)).members
    fields = ("lr", "seed", "parameters", "correct", "scored", "accuracy", "select_accuracy")
    rows = [tuple(row[name] for name in fields) for row in found["members"]]
    assert rows == [tuple(getattr(member, name) for name in fields) for member in members]
    assert [tuple(row["losses"]) for row in found["members"]] == [member.losses for member in members]
    assert found["chosen"]["seeds"] == 2


def test_train_prints_a_table_and_keeps_nothing_by_itself(plait, tmp_path):
    result = plait("train", *SMALL, "--seeds", "0..2")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:3] == ["lr", "seed", "parameters"]
    assert "over 3 seeds" in result.stdout
    assert not list(tmp_path.iterdir())


def test_train_goes_on_where_its_folder_ends(plait, plait_json, tmp_path):
    first = plait_json("train", *SMALL, "-o", "r", "--seeds", "0..1")
    (shard,) = (tmp_path / "r").glob("*.parquet")
    written = shard.stat().st_mtime_ns
    again = plait_json("train", *SMALL, "-o", "r", "--seeds", "0..2")
    assert shard.stat().st_mtime_ns == written
    assert again["members"][:2] == first["members"]
    assert len(Store.for_reading(tmp_path / "r").read()) == 3


def test_a_log_beside_the_results(plait_json, refused, tmp_path):
    found = plait_json("train", *SMALL, "-o", "r", "--seeds", "0..1", "--log", "csv")
    for row in found["members"]:
        lines = (tmp_path / "r" / "_log" / "csv" / f"{row['member']}.csv").read_text().splitlines()
        assert lines[0] == "step,loss,accuracy"
        assert [float(line.split(",")[1]) for line in lines[1:]] == row["losses"]
    assert len(Store.for_reading(tmp_path / "r").read()) == 2
    assert "--log csv needs a folder to write into: -o DIR" in refused("train", *SMALL, "--log", "csv")
    assert "once" in refused("train", *SMALL, "-o", "s", "--log", "csv", "--log", "csv")
    assert "once" in refused("train", *SMALL, "-o", "s", "--log", "csv,csv")
    assert "known: csv, tensorboard, wandb" in refused("train", *SMALL, "-o", "s", "--log", "stdout")
    assert not (tmp_path / "s").exists()


def test_a_report_draws_the_losses(plait, plait_json, tmp_path):
    found = plait_json("train", *SMALL, "-o", "r", "--seeds", "0..1")
    assert plait("report", "r", "-o", "r.html").exit_code == 0
    first, last = (sum(row["losses"][place] for row in found["members"]) / 2 for place in (0, -1))
    told = f"Training loss in nats over 3 steps: SSM-TF d4 from {first:.3f} to {last:.3f}."
    assert told in (tmp_path / "r.html").read_text()


def test_saved_models_answer_as_they_were_measured(plait_json, tmp_path):
    found = plait_json("train", *SMALL, "-o", "r", "--save-models", "--seeds", "0..1", "--train", "lr=0.1")
    for row in found["members"]:
        assert load(tmp_path / row["model"]).config == HybridConfig(34, d_model=4, window=20)
        args = ("--task", "selective-copying", "--sequences", 8, "--seed", row["seed"])
        (entry,) = plait_json("eval", row["model"], *args)["results"]
        assert (entry["correct"], entry["scored"]) == (row["correct"], row["scored"])
        assert entry["interval"][0] < entry["accuracy"] < entry["interval"][1]


def test_models_cannot_be_asked_of_members_that_were_stored_without(plait, refused):
    assert plait("train", *SMALL, "-o", "r").exit_code == 0
    assert "without their models" in refused("train", *SMALL, "-o", "r", "--save-models")


def test_any_field_can_be_set(plait_json):
    found = plait_json(
        "train", "--dry-run", "--task", "needle", "--param", "n_words=5", "--pattern", "(SSM-TF)*2", "--window",
        "full", "--model", "d_state=3", "--model", 'init="mamba"', "--train", "clip=0.5", "--train", "warmup=7",
        "--seeds", "0..9,20", "--lrs", "0.1,0.2",
    )  # fmt: skip
    assert found["task"]["params"]["n_words"] == 5
    assert (
        found["model"] | {"pattern": "(SSM-TF)*2", "window": None, "d_state": 3, "init": "mamba"}
        == found["model"]
    )
    assert found["train"] | {"clip": 0.5, "warmup": 7} == found["train"]
    assert found["members"] == 22
    assert found["parameters"] > 0


def test_rate_and_seed_can_be_fields_too(plait_json):
    found = plait_json("train", *SMALL, "--train", "lr=0.3", "--train", "seed=5")
    assert [(row["lr"], row["seed"]) for row in found["members"]] == [(0.3, 5)]
    assert found["run"]["train"] | {"lr": 0.3, "seed": 5} == found["run"]["train"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--steps", "3", "--train", "steps=4"), "steps is given twice"),
    ],
)
def test_nothing_that_is_given_is_dropped(refused, args, said):
    assert said in refused("train", *args)


def test_a_dry_run_writes_nothing(plait, tmp_path):
    result = plait("train", "--dry-run", "-o", "r")
    assert result.exit_code == 0
    assert "parameters  2192" in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples are not there")
def test_own_task_and_own_layer_of_the_working_folder(plait_json, tmp_path):
    for name in ("my_task.py", "my_layer.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    found = plait_json(
        "train", *SMALL, "--seq-len", 12, "--task", "my_task:DelayedCopy", "--param", "lag=3",
        "--pattern", "my_layer:GatedLinearAttention-TF", "-o", "r", "--save-models", "--seeds", "0..1",
    )  # fmt: skip
    assert found["run"]["task"] == {"task": "my_task:DelayedCopy", "params": {"n_words": 8, "lag": 3}}
    model = found["members"][0]["model"]
    asked = ("eval", model, "--task", "my_task:DelayedCopy", "--seq-len", 9, "--trust-code")
    (row,) = plait_json(*asked)["results"]
    assert row["scored"] > 0
    assert plait_json("results", "r", "--columns", "task,pattern")[0]["task"] == "my_task:DelayedCopy"


REFUSED = [
    (("--task", "selective-copyng"), "nearest: selective-copying"),
    (("--task", "needle", "--param", "words=3"), "nearest: n_words"),
    (("--pattern", "SSM-FT"), "nearest: TF"),
    (("--pattern", ""), "pattern"),
    (("--pattern", "SSM--TF"), "character 5"),
    (("--pattern", "(SSM-TF"), "expected ')'"),
    (("--pattern", "no_such_module:Layer"), "no_such_module"),
    (("--pattern", "json:JSONDecoder"), "torch.nn.Module"),
    (("--model", "d_modl=3"), "nearest: d_model"),
    (("--model", "d_model"), "NAME=JSON"),
    (("--d-model", -8), "d_model"),
    (("--d-model", 2**40), "d_model"),
    (("--d-model", "x"), "--d-model"),
    (("--model", "dropout=NaN"), "dropout"),
    (("--window", -1), "window"),
    (("--lrs", "0"), "lr"),
    (("--lrs", "-0.1"), "lr"),
    (("--lrs", "nan"), "lr"),
    (("--lrs", "inf"), "lr"),
    (("--lrs", ""), "--lrs"),
    (("--seeds", "-1"), "seeds"),
    (("--seeds", "0,0"), "repeats"),
    (("--seeds", "0..999999999"), "at most"),
    (("--batch", -3), "batch"),
    (("--seq-len", 10**30), "seq_len"),
    (("--param", "p_number=-0.1"), "[0, 1]"),
    (("--param", "numbers=[2,2]"), "distinct"),
    (("--param", "numbers=[200]"), "exceed every number"),
    (("--train", "dtype=float8"), "dtype"),
    (("--step", 3), "--steps"),
    (("extra",), "extra"),
]


@pytest.mark.parametrize(("args", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_train_refuses(refused, args, said):
    keep = () if "-o" in args or "--save-models" in args else ("-o", "r")
    assert said in refused("train", *keep, *args)


def test_a_missing_gpu_is_told(refused, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no CUDA device" in refused("train", "--device", "cuda", "-o", "r")


def test_an_output_that_is_a_file(refused, tmp_path):
    (tmp_path / "r").write_text("mine")
    assert "'r'" in refused("train", *SMALL, "-o", "r")
    assert (tmp_path / "r").read_text() == "mine"


def test_a_task_that_fails_on_its_own(refused, tmp_path):
    (tmp_path / "failing_task.py").write_text(
        "class Fails:\n    vocab_size = 1\n    token_names = ('x',)\n    targets = None\n"
        "    def sample(self, stream, batch, seq_len):\n        return 1 / 0\n"
    )
    assert "ZeroDivisionError" in refused("train", "--task", "failing_task:Fails", "-o", "r")


def test_diverged_members_are_told_in_valid_json(plait_json):
    found = plait_json("train", *SMALL, "--steps", 30, "--lrs", "1e300", "--train", "warmup=0")
    (row,) = found["members"]
    assert row["diverged_at"] is not None
    assert isinstance(pl.DataFrame(found["members"])["losses"][0][0], float)


OWN = """
import torch
from plait.layers import TransformerLayer
from plait.tasks import Needle, Targets

class Ahead(TransformerLayer):
    def forward(self, hidden, dropout_stream=None):
        return super().forward(hidden, dropout_stream) + hidden.roll(-1, -2)

class Unset(TransformerLayer):
    def reset_parameters(self, stream):
        super().reset_parameters(stream)
        name, first = next(iter(self.named_parameters()))
        with torch.no_grad():
            first.fill_(float("nan"))

class Next(Needle):
    def targets(self, tokens):
        return Targets(tokens.roll(-1, -1), torch.ones_like(tokens, dtype=torch.bool))
"""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--pattern", "own_parts:Ahead-TF"), "layer own_parts:Ahead: forward reads the future"),
        (("--pattern", "TF-own_parts:Unset"), "layer own_parts:Unset: reset_parameters leaves"),
        (("--task", "own_parts:Next"), "Next: the target at position 0 changes with the tokens"),
    ],
)
def test_a_broken_promise_is_one_line(plait, refused, tmp_path, monkeypatch, asked, said):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.delitem(sys.modules, "own_parts", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "own_parts.py").write_text(OWN)
    rest = ("--d-model", "4", "--seq-len", "8", "--steps", "1", "--train", "test_sequences=1", "-o", "out")
    task = () if "--task" in asked else ("--task", "needle")
    assert said in refused("train", *task, *asked, *rest)
    if "Unset" not in asked[1]:
        assert plait("train", *task, *asked, *rest, "--unchecked").exit_code == 0
    monkeypatch.delitem(sys.modules, "own_parts")


def test_models_that_another_process_did_not_keep_are_missed(plait, tmp_path, monkeypatch):
    """It was training the same members, and stored them while this one waited."""
    from plait.experiments import saved_models

    monkeypatch.setattr(saved_models, "saving_train", lambda folder, **how: library_train)
    asked = ("--task", "needle", "--seq-len", 4, "--steps", 1, "--d-model", 2, "--train", "test_sequences=1")
    done = plait("train", *asked, "-o", "out", "--save-models")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith(
        "plait: 1 of these members are stored in 'out' without their models"
    )


def test_one_model_over_the_processes_of_torchrun(plait_json, refused):
    """One process here; its row says so, and a second call finds it."""
    small = ("train", "--engine", "fsdp", "--steps", 6, "--seq-len", 20, "--train", "test_sequences=8")
    small += ("--train", "select_sequences=8", "--device", "cpu")
    assert "give one seed and one rate, got 2 members" in refused(*small, "--seeds", "0,1")
    assert "writes no --log" in refused(*small, "--log", "csv", "-o", "kept")
    document = plait_json(*small, "-o", "kept", "--save-models")
    assert len(document["members"][0]["losses"]) == 6
    assert (Path(document["members"][0]["model"]) / "model.safetensors").exists()
    assert plait_json("results", "kept", "--columns", "engine") == [{"engine": "fsdp on 1"}]
    assert plait_json(*small, "-o", "kept")["members"][0]["losses"] == document["members"][0]["losses"]


def test_an_unknown_engine_is_told_all_that_there_are(refused):
    assert "one of auto, ensemble, wide, fsdp, got 'fast'" in refused("train", "--engine", "fast")
