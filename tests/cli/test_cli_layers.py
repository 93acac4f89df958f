"""Layers on the command line: options of single kinds, and every mistake in one line with exit code 2."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from plait.training import Run

SMALL = (
    "--steps",
    2,
    "--train",
    "test_sequences=4",
    "--train",
    "select_sequences=4",
    "--d-model",
    8,
    "--seq-len",
    12,
)
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples(plait: Any, tmp_path: Path) -> None:
    """The examples lie in the working folder."""
    for name in ("my_mixer.py", "my_module.py"):
        shutil.copy(EXAMPLES / name, tmp_path)


@pytest.mark.parametrize(
    ("layer", "option", "value"),
    [
        ("GDN", "heads", 2),
        ("my_mixer:ForgettingAttention", "heads", 4),
        ("my_module:AttentionFree", "width", 3),
    ],
)
def test_options_of_a_layer_reach_it(plait_json: Any, layer: str, option: str, value: int):
    found = plait_json("train", *SMALL, "--pattern", f"{layer}-TF", "--layer", f"{layer}.{option}={value}")
    assert found["run"]["model"]["options"] == {layer: {option: value}}
    plain = plait_json("train", *SMALL, "--pattern", f"{layer}-TF")
    assert found["members"][0]["accuracy"] != plain["members"][0]["accuracy"] or (
        found["members"][0]["parameters"] != plain["members"][0]["parameters"]
    )


def test_layers_side_by_side_are_trained_and_take_options(plait_json: Any):
    found = plait_json("train", *SMALL, "--pattern", "(GDN|TF)-TF", "--layer", "GDN.heads=4")
    assert found["run"]["model"]["pattern"] == "(GDN|TF)-TF"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pattern", "GDM-TF"), "character 1: unknown layer 'GDM'; known: SSM, TF, "),
        (("--pattern", "GDM-TF"), "nearest: GDN"),
        (("--pattern", "((SSM|TF)|GDN)"), "a side of layers side by side is one layer by its name"),
        (("--pattern", "(SSM|)"), "character 6: expected a layer, got ')'"),
        (("--pattern", "GDN-TF", "--layer", "KDA.heads=2"), "options: unknown layer 'KDA'; known: GDN, TF"),
        (("--pattern", "GDN-TF", "--layer", "TF.heads=2"), "layer TF has no options of its own, got heads"),
        (
            ("--pattern", "GDN-TF", "--layer", "GDN.groups=2"),
            "unknown option of layer GDN 'groups'; known: heads, ",
        ),
        (
            ("--pattern", "GDN-TF", "--layer", "GDN.key_heads=3"),
            "layer GDN: key_heads must divide heads, got key_heads 3",
        ),
        (
            ("--pattern", "Mamba2-TF", "--layer", "Mamba2.heads=3"),
            "d_inner must be divisible by heads, got d_inner 16",
        ),
        (
            ("--pattern", "GDN-TF", "--layer", "GDN.heads=0"),
            "layer GDN: heads must be an integer of at least 1",
        ),
        (
            ("--pattern", "ShortConv-TF", "--layer", "ShortConv.taps=0"),
            "taps must be an integer of at least 1, below 2^31, got 0",
        ),
        (("--pattern", "GDN-TF", "--layer", "heads=2"), "--layer must read NAME.OPTION=JSON"),
        (
            (
                "--pattern",
                "my_mixer:ForgettingAttention-TF",
                "--layer",
                "my_mixer:ForgettingAttention.head=2",
            ),
            "unknown option of layer ForgettingAttention 'head'; known: heads; nearest: heads",
        ),
        (
            (
                "--pattern",
                "my_mixer:ForgettingAttention-TF",
                "--layer",
                "my_mixer:ForgettingAttention.heads=3",
            ),
            "layer ForgettingAttention: d_model must be divisible by heads, got d_model 8 and heads 3",
        ),
        (
            ("--pattern", "my_module:AttentionFree-TF", "--layer", "my_module:AttentionFree.widht=3"),
            "unknown option of layer AttentionFree 'widht'; known: width; nearest: width",
        ),
        (
            ("--pattern", "hf:Qwen3NextMLP-TF"),
            "unknown token mixer of transformers 'Qwen3NextMLP'; known: mamba, ",
        ),
        (
            ("--pattern", "hf:mamba2-TF", "--layer", "hf:mamba2.chunk_size=0"),
            "layer hf:mamba2: chunk_size must be an integer of at least 1, got 0",
        ),
        (("--pattern", "hf:mamba2-TF", "--layer", "hf:mamba2.num_heads=3"), "heads"),
    ],
)
def test_mistakes_are_one_line(refused: Any, arguments: tuple[str, ...], message: str):
    assert message in refused("train", *SMALL, *arguments)


def test_without_transformers_one_line_says_how_to_get_it(refused: Any, monkeypatch: pytest.MonkeyPatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "transformers" else there(name, *rest),
    )
    said = refused("train", *SMALL, "--pattern", "hf:mamba2-TF")
    assert said == "plait: layer hf:mamba2 needs Hugging Face transformers: pip install 'plait[hf]'\n"


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
