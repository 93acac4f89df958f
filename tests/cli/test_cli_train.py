import json
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from plait import HybridConfig, HybridLM, load
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


def test_eval_at_several_lengths(plait, plait_json, saved_model):
    args = (saved_model, "--task", "selective-copying", "--seq-len", "10,30", "--sequences", 70)
    found = plait_json("eval", *args)["results"]
    assert [row["seq_len"] for row in found] == [10, 30]
    assert all(0 < row["scored"] < 70 * row["seq_len"] for row in found)
    assert "Wilson" in plait("eval", *args).stdout


def test_eval_with_a_carried_state(plait, plait_json, refused, saved_model, tmp_path):
    args = ("--task", "selective-copying", "--seq-len", "10,3000", "--sequences", 3)
    whole, found = (plait_json("eval", saved_model, *args, *how)["results"] for how in ((), ("--stream",)))
    assert [{**row, "state_bytes": None} for row in found] == [row | {"state_bytes": None} for row in whole]
    assert found[0]["state_bytes"] == found[1]["state_bytes"] > 0
    assert "state_bytes: carried" in plait("eval", saved_model, *args, "--stream").stdout
    config = HybridConfig(SelectiveCopying().vocab_size, pattern="SSM-TF", d_model=4, window=None)
    HybridLM(config).save(tmp_path / "open")
    assert "needs a window" in refused("eval", tmp_path / "open", *args, "--stream")


def test_eval_where_nothing_is_scored(plait_json, saved_model):
    args = ("--task", "selective-copying", "--param", "p_number=0", "--sequences", 3)
    (row,) = plait_json("eval", saved_model, *args)["results"]
    assert row["scored"] == 0
    assert row["accuracy"] is None
    assert row["interval"] is None


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json"),
        (lambda f: (f / "config.json").write_text("{"), "JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "JSON object"),
        (lambda f: change_config(f, d_model=8), "shape"),
        (lambda f: change_config(f, pattern="SSM-TF-TF"), "missing"),
        (lambda f: change_config(f, pattern="SSM"), "does not have"),
        (lambda f: change_config(f, d_modl=8), "nearest: d_model"),
        (lambda f: change_config(f, vocab_size=None), "vocab_size"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"xx"), "safetensors"),
        (lambda f: cut(f / "model.safetensors"), "safetensors"),
        (lambda f: change_tensor(f, lambda tensors: tensors.pop("final_norm.bias")), "final_norm.bias"),
        (lambda f: change_tensor(f, lambda tensors: tensors.update(more=tensors["final_norm.bias"])), "more"),
        (
            lambda f: change_tensor(f, lambda tensors: tensors["final_norm.bias"].fill_(float("nan"))),
            "finite",
        ),
    ],
)
@pytest.mark.parametrize("command", ["eval", "stream"])
def test_broken_checkpoints(refused, saved_model, tmp_path, command, change, said):
    shutil.copytree(saved_model, tmp_path / "m")
    change(tmp_path / "m")
    assert said in refused(command, "m", "--task", "selective-copying")


def change_config(folder, **fields):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))


def change_tensor(folder, change):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / "model.safetensors")


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--task", "nedle"), "nearest: needle"),
        (("--task", "selective-copying", "--seq-len", "ten"), "--seq-len"),
        (("--task", "selective-copying", "--seed", -1), "seed"),
        ((), "--task"),
    ],
)
def test_what_eval_refuses(refused, saved_model, args, said):
    assert said in refused("eval", saved_model, *args)


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


def test_eval_of_several_models(plait, plait_json, tmp_path):
    asked = ("--task", "needle", "--seq-len", 4)
    plait("train", *asked, "--steps", 1, "--d-model", 2, "--seeds", "0..1", "-o", "two", "--save-models")
    folders = sorted(str(path) for path in tmp_path.glob("two/_models/*"))
    assert len(folders) == 2
    found = plait_json("eval", *folders, *asked, "--sequences", 8)
    alone = [plait_json("eval", folder, *asked, "--sequences", 8) for folder in folders]
    assert found == alone
    said = plait("eval", *folders, *asked, "--sequences", 8).stdout
    assert all(Path(folder).name in said for folder in folders)


def test_options_of_a_layer(plait_json):
    found = plait_json(
        "train", *SMALL, "--pattern", "GDN-TF", "--layer", "GDN.heads=2", "--layer", "GDN.d_k=3"
    )
    assert Run.from_json(found["run"]).model.options == {"GDN": {"heads": 2, "d_k": 3}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--layer", "heads=2"), "--layer must read NAME.OPTION=JSON, such as GDN.heads=2, got 'heads'"),
        (("--layer", "GDN.haeds=2"), "unknown option of layer GDN 'haeds'"),
        (("--layer", "KDA.heads=2"), "options: unknown layer 'KDA'; known: GDN, TF"),
        (
            ("--layer", "GDN.heads=2", "--model", 'options={"GDN": {"heads": 2}}'),
            "say the same: give one of them",
        ),
    ],
)
def test_refused_options_of_a_layer(plait, given, message):
    result = plait("train", *SMALL, "--pattern", "GDN-TF", *given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


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
