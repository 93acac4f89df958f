"""Models on disk: what was saved comes back bit by bit, whole or not at all, and runs nobody's code."""

import json
import os
import random
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from plait import HybridConfig, HybridLM, load
from plait.files import UNSEALED, sealed_bytes, write_whole

CONFIG = HybridConfig(13, pattern="SSM-TF", d_model=8, window=5)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        HybridConfig(
            13, pattern="TF*2-SSM", d_model=12, window=(3, None, 1), d_mlp=0, n_heads=2, dropout=0.1
        ),
        HybridConfig(13, pattern="SSM-SSM", d_model=4, d_conv=1, d_state=1, init="mamba"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_round_trip(tmp_path: Path, config: HybridConfig, dtype: torch.dtype):
    model = HybridLM(config, 3, dtype=dtype)
    folder = tmp_path / "deep" / "folder"
    model.save(folder)
    again = load(folder)
    assert again.config == config
    assert not again.training
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    state = again.state_dict()
    assert state.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert state[name].dtype == dtype
        assert torch.equal(state[name], tensor), name
    rows = torch.arange(13).unsqueeze(0)
    assert torch.equal(again(rows), model.eval()(rows))
    assert all(parameter.requires_grad for parameter in again.parameters())


def test_a_model_of_two_precisions_comes_back_as_it_was(tmp_path: Path):
    model = HybridLM(CONFIG)
    model.layers[1].to(torch.bfloat16)
    model.save(tmp_path)
    again = load(tmp_path)
    assert again.layers[0].get_parameter("norm.weight").dtype == torch.float32
    assert again.layers[1].get_parameter("mlp.dense_h_to_4h.weight").dtype == torch.bfloat16


def test_equal_models_are_equal_files(tmp_path: Path):
    """Twelve of each: the library draws the order of a file's metadata anew each time."""
    files = []
    for place in range(12):
        HybridLM(CONFIG, 1).save(tmp_path / str(place))
        files.append({path.name: path.read_bytes() for path in (tmp_path / str(place)).iterdir()})
    assert all(found == files[0] for found in files)
    assert b'"__metadata__":{"config":"' in files[0]["model.safetensors"][:40]


def test_models_of_any_order_of_metadata_are_loaded(tmp_path: Path):
    """As earlier versions wrote them, with their seals."""
    model, orders = HybridLM(CONFIG, 1), set()
    model.save(tmp_path)
    path = tmp_path / "model.safetensors"
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    for _ in range(12):
        path.write_bytes(sealed_bytes(save(model.state_dict(), metadata={**metadata, "seal": UNSEALED})))
        assert torch.equal(load(tmp_path).embedding.weight, model.embedding.weight)
        orders.add(path.read_bytes()[:40])
    assert len(orders) > 1, "the library sorts metadata itself now"


def test_saving_twice_replaces(tmp_path: Path):
    HybridLM(CONFIG, 1).save(tmp_path)
    HybridLM(HybridConfig(7, pattern="TF", d_model=4), 2).save(tmp_path)
    assert load(tmp_path).config.vocab_size == 7


def test_stopped_while_saving_the_folder_holds_one_model_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whichever rename is the last to happen, what can be loaded is one of the two models, whole."""
    HybridLM(CONFIG, 1).save(tmp_path)
    for allowed in (0, 1):
        done: list[str] = []

        def replace(source: str, target: str, allowed: int = allowed, done: list[str] = done) -> None:
            if len(done) == allowed:
                raise OSError(28, "No space left on device")
            done.append(str(target))
            os.rename(source, target)

        monkeypatch.setattr("plait.files.os.replace", replace)
        with pytest.raises(OSError, match="No space left"):
            HybridLM(HybridConfig(13, pattern="SSM-TF", d_model=8, window=6), 2).save(tmp_path)
        if allowed == 0:
            assert load(tmp_path).config == CONFIG
        else:
            with pytest.raises(ValueError, match=r"config\.json"):
                load(tmp_path)
        assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))
    monkeypatch.undo()
    HybridLM(CONFIG, 1).save(tmp_path)
    assert load(tmp_path).config == CONFIG


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plait.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left") as told:
        write_whole(path, b"new")
    assert told.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path):
    plain, whole = tmp_path / "plain", tmp_path / "whole"
    plain.write_bytes(b"")
    write_whole(whole, b"data")
    assert plain.stat().st_mode == whole.stat().st_mode


def test_config_json_is_plain(tmp_path: Path):
    HybridLM(CONFIG).save(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    assert values["pattern"] == "SSM-TF"
    assert values == CONFIG.to_json()


def test_a_failed_save_keeps_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    HybridLM(CONFIG, 1).save(tmp_path)

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plait.files.os.fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        HybridLM(HybridConfig(5, pattern="TF", d_model=4), 2).save(tmp_path)
    assert load(tmp_path).config == CONFIG


def test_a_file_larger_than_its_weights_is_not_read(tmp_path: Path):
    HybridLM(CONFIG, 1).save(tmp_path)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.truncate(9 * 2**30)  # sparse
    with pytest.raises(ValueError, match="more are there"):
        load(tmp_path)


def test_an_edited_config_is_said(tmp_path: Path):
    HybridLM(CONFIG, 1).save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"norm_eps": 1e-05', '"norm_eps": 3e-05'))
    with pytest.warns(UserWarning, match=r"config\.json was edited since its weights were saved"):
        assert load(tmp_path).config.norm_eps == 3e-5


PAYLOAD = """
import pathlib
from plait.layers import TransformerLayer
pathlib.Path("ran").touch()
class Layer(TransformerLayer): pass
"""


def test_a_model_folder_runs_nobodys_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    HybridLM(HybridConfig(5, pattern="TF-TF", d_model=4), 2).save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace("TF-TF", "downloaded_payload:Layer-TF"))
    (tmp_path / "downloaded_payload.py").write_text(PAYLOAD)
    with pytest.raises(
        ValueError, match=r"names code that is not plait's, downloaded_payload:Layer, .*trust"
    ):
        load(tmp_path / "model")
    assert not (tmp_path / "ran").exists()
    with pytest.warns(UserWarning, match="edited"):
        assert load(tmp_path / "model", trust_code=True).config.layers[0] == "downloaded_payload:Layer"
    assert (tmp_path / "ran").exists()
    sys.modules.pop("downloaded_payload")


def test_what_leads_into_the_package_needs_no_trust(tmp_path: Path):
    HybridLM(HybridConfig(5, pattern="plait.layers.mamba:MambaLayer", d_model=4), 2).save(tmp_path)
    assert load(tmp_path).config.n_layers == 1


def test_no_flipped_bit_of_a_saved_model_passes_unsaid(tmp_path: Path):
    """Of its weights none; of its config those that leave it whole are said, for a person may edit it."""
    model = HybridLM(HybridConfig(9, pattern="SSM-TF", d_model=4, window=3), seed=0)
    model.save(tmp_path)
    chance = random.Random(0)
    for name in ("model.safetensors",) * 500 + ("config.json",) * 100:
        path = tmp_path / name
        whole = path.read_bytes()
        place = chance.randrange(8 * len(whole))
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises((ValueError, UserWarning)) as told:
                load(tmp_path)
        assert name == "config.json" or told.type is ValueError
        assert "\n" not in str(told.value)
        path.write_bytes(whole)
    load(tmp_path)
