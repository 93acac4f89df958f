"""Layers by name, the user's own included; what cannot be a layer is refused in one line."""

import sys
from pathlib import Path

import pytest

from plait.layers import LAYERS, MambaLayer, layer_class
from plait.layers.delta_rule import GDN
from plait.layers.drawn import drawn
from plait.layers.registry import MIXERS


@pytest.fixture
def user_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_names():
    assert layer_class("SSM") is MambaLayer
    assert layer_class("plait.layers.mamba:MambaLayer") is MambaLayer
    assert set(LAYERS) == {"SSM", "TF", *MIXERS}
    assert layer_class("GDN") is layer_class("plait.layers.delta_rule:GDN") is drawn(GDN)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ssm", "unknown layer 'ssm'; known: SSM, TF, .*, module:Class; nearest: SSM"),
        (
            "no_such_module:Layer",
            "layer no_such_module:Layer: importing no_such_module failed: ModuleNotFoundError",
        ),
        (
            "plait.layers.mamba:Mamba",
            "unknown torch.nn.Module, Mixer or ModuleMixer class 'Mamba'; known: .*; nearest: Mamba",
        ),
        ("plait.layers.mamba:linear", "unknown torch.nn.Module, Mixer or ModuleMixer class 'linear'"),
        ("torch.nn:ReLU", "lacks init_state, step, state_size, reset_parameters, members_axis"),
    ],
)
def test_what_is_no_layer(name: str, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        layer_class(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('two\\nlines')", "def broken(:", "import absent_thing"]
)
def test_a_module_that_fails_at_import(user_modules: Path, source: str):
    (user_modules / "failing_layer_module.py").write_text(source)
    with pytest.raises(ValueError, match="failing_layer_module") as caught:
        layer_class("failing_layer_module:Layer")
    assert "\n" not in str(caught.value)
