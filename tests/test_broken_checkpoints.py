"""Every broken model folder is refused in one line."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from plait import HybridConfig, HybridLM, load

CONFIG = HybridConfig(13, pattern="SSM-TF", d_model=8, window=5)


def change_tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return apply


def change_config(text: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(text(path.read_text()))

    return apply


def change_weights(data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(data(path.read_bytes()))

    return apply


def spoil(name: str, value: float) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors[name][0] = value

    return change


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        "config.json: cannot be read: No such file",
    ),
    "no weights": (
        lambda folder: (folder / "model.safetensors").unlink(),
        "model.safetensors: .*No such file",
    ),
    "not JSON": (change_config(lambda text: text[:20]), "config.json: a config must be JSON"),
    "not text": (
        lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe{}"),
        "config.json: .*can't decode",
    ),
    "a list": (change_config(lambda _: "[]"), "config.json: a config must be a JSON object"),
    "unknown field": (
        change_config(lambda text: text.replace("d_state", "d_stat")),
        "unknown field 'd_stat'; known: .*; nearest: d_state",
    ),
    "unknown layer": (
        change_config(lambda text: text.replace("SSM-TF", "SSM-TG")),
        "config.json: pattern 'SSM-TG', character 5: unknown layer 'TG'",
    ),
    "absent module": (
        change_config(lambda text: text.replace("SSM-TF", "absent_module:Layer-TF")),
        "config.json: it names code that is not plait's, absent_module:Layer, which would be imported",
    ),
    "no vocabulary": (change_config(lambda text: text.replace("13", "null", 1)), "needs vocab_size"),
    "another width": (
        change_config(lambda text: text.replace('"d_model": 8', '"d_model": 16')),
        "must have shape",
    ),
    "another pattern": (change_config(lambda text: text.replace("SSM-TF", "TF-SSM")), "tensors missing"),
    "fewer layers": (
        change_config(lambda text: text.replace("SSM-TF", "SSM")),
        "tensors that this config does not",
    ),
    "enormous": (
        change_config(lambda text: text.replace('"d_model": 8', '"d_model": 1000000000')),
        "config.json: a model of d_model 1000000000 and pattern SSM-TF cannot be made",
    ),
    "truncated": (change_weights(lambda data: data[:-1]), "model.safetensors: no whole safetensors file"),
    "header cut": (change_weights(lambda data: data[:30]), "no whole safetensors file"),
    "empty": (change_weights(lambda _: b""), "no whole safetensors file"),
    "garbage": (change_weights(lambda data: os.urandom(64) + data), "no whole safetensors file"),
    "too long": (change_weights(lambda data: data + b"more"), "no whole safetensors file"),
    "missing tensor": (
        change_tensors(lambda tensors: tensors.pop("layers.0.mixer.D")),
        "tensors missing for this config: layers.0.mixer.D",
    ),
    "extra tensor": (
        change_tensors(lambda tensors: tensors.update(extra=torch.zeros(1))),
        "tensors that this config does not have: extra",
    ),
    "wrong shape": (
        change_tensors(lambda tensors: tensors.update({"final_norm.bias": torch.zeros(9)})),
        r"tensor final_norm.bias must have shape \(8,\), got \(9,\)",
    ),
    "integers": (
        change_tensors(
            lambda tensors: tensors.update({"final_norm.bias": torch.zeros(8, dtype=torch.int64)})
        ),
        "tensor final_norm.bias must hold floating-point numbers",
    ),
    "two types": (
        change_tensors(lambda tensors: tensors.update({"layers.0.mixer.D": torch.zeros(16).double()})),
        r"tensors of layers\.0 must be of one type, got torch\.float64 and torch\.float32",
    ),
    "NaN": (change_tensors(spoil("layers.1.attention.dense.bias", float("nan"))), "not finite"),
    "infinity": (change_tensors(spoil("layers.0.mixer.D", float("inf"))), "layers.0.mixer.D .*not finite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_checkpoint_is_refused(tmp_path: Path, name: str):
    HybridLM(CONFIG).save(tmp_path)
    break_it, message = BROKEN[name]
    break_it(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)


def test_any_changed_byte_gives_a_model_or_a_value_error(tmp_path: Path):
    HybridLM(HybridConfig(2, pattern="TF", d_model=1)).save(tmp_path)
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            load(tmp_path)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    assert refused > 350


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(ValueError, match=r"absent.*No such file"):
        load(tmp_path / "absent")
    (tmp_path / "file").write_text("{}")
    with pytest.raises(ValueError, match="Not a directory"):
        load(tmp_path / "file")
