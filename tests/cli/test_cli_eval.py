"""`plait eval`: lengths, carried states, several models, and checkpoints that are none."""

import json
import shutil
from pathlib import Path

import pytest

from plait import HybridConfig, HybridLM
from plait.tasks import SelectiveCopying

SMALL = ("--steps", 3, "--train", "test_sequences=8", "--train", "select_sequences=4", "--d-model", 4)


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
