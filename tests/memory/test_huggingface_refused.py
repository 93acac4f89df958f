"""Config files that are refused, in one line, and what is known of those that are read."""

from pathlib import Path

import hf_instances as hf
import pytest
from unread_classes import EXPLAINED, unread_classes

from plait.memory import known_model_types, read_config


def changed(name: str, **change: object) -> dict[str, object]:
    return hf.fixture(name) | change


REFUSED: list[tuple[dict[str, object], str]] = [
    ({}, "must have model_type or architectures, got neither"),
    ({"hidden_size": 64}, "must have model_type or architectures, got neither"),
    ({"model_type": 7}, "must have model_type or architectures, got neither"),
    ({"architectures": ["NewForCausalLM"]}, "unknown model_type 'NewForCausalLM', none of the"),
    ({"architectures": [""]}, "unknown model_type '', none of the"),
    (changed("llama", hidden_size=0), "llama config: hidden_size must be an integer of at least 1, got 0"),
    (changed("llama", hidden_size=-24), "got -24"),
    (changed("llama", hidden_size=24.5), "got 24.5"),
    (changed("llama", hidden_size="24"), "got '24'"),
    (changed("llama", hidden_size=True), "got True"),
    (changed("llama", num_hidden_layers=10**9), "num_hidden_layers must be at most 10000"),
    (changed("llama", num_attention_heads=0), "num_attention_heads must be an integer of at least 1"),
    (
        changed("llama", num_key_value_heads=3),
        "num_key_value_heads must divide num_attention_heads = 4, got 3",
    ),
    (changed("llama", hidden_size=2), "hidden_size must be at least num_attention_heads = 4, got 2"),
    (changed("llama", attention_bias="yes"), "attention_bias must be true or false, got 'yes'"),
    (changed("llama", dtype="int4"), "dtype must be one of float64, float32, bfloat16, float16"),
    (changed("llama", layer_types=["full_attention"]), "must name num_hidden_layers = 2 layers, got 1"),
    (changed("llama", layer_types=["full_attention", "ssm"]), "must use .*, got 'ssm'"),
    (changed("mistral", layer_types="sliding"), "layer_types must be a list of layer types"),
    (changed("mistral", sliding_window=-1), "sliding_window must be an integer of at least 1, got -1"),
    (changed("jamba", attn_layer_offset=3), "attn_layer_offset must be below attn_layer_period = 3, got 3"),
    (changed("bamba", attn_layer_indices=[4]), "attn_layer_indices must list layer indices from 0 to 3"),
    (changed("bamba", mamba_d_head=7), "mamba_n_heads \\* mamba_d_head must be 48, got 6 \\* 7"),
    (changed("mamba2", head_dim=9), "num_heads \\* head_dim must be expand \\* hidden_size = 48, got 54"),
    (
        changed("mamba", expand=float("inf"), intermediate_size=None),
        "expand must be a number above 0, got inf",
    ),
    (changed("zamba2", n_mamba_heads=7), "n_mamba_heads must divide mamba_expand \\* hidden_size = 48"),
    (changed("zamba2", layers_block_type=["conv"] * 6), "layers_block_type must use mamba and hybrid"),
    (changed("nemotron_h", hybrid_override_pattern="MX"), "must be a string of M \\* - E, got 'MX'"),
    (changed("qwen3_next", linear_num_key_heads=3), "must divide linear_num_value_heads = 4, got 3"),
    (changed("qwen3_next", layer_types=["conv"] * 4), "layer_types must use full_attention and linear"),
    (changed("kimi_linear", mlp_layer_types=["dense"]), "mlp_layer_types must name 4 layers"),
    (changed("kimi_linear", linear_attn_config=3), "linear_attn_config must be an object, got 3"),
    (changed("recurrent_gemma", block_types=["lstm"]), "block_types must list recurrent and attention"),
    (changed("rwkv", attention_hidden_size=12), "attention_hidden_size must be hidden_size = 24"),
    (changed("gpt_neox", num_attention_heads=5), "num_attention_heads must divide hidden_size = 24, got 5"),
]


@pytest.mark.parametrize(("config", "message"), REFUSED)
def test_refused_in_one_line(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_config(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "must be a JSON object, got list"),
        ("[" * 100_000, "no JSON"),
        ('{"model_type": "llama", "hidden_size": NaN}', "hidden_size must be an integer"),
        ("\ufeff\x00", "no JSON"),
    ],
)
def test_files_that_cannot_be_read(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="config file must exist"):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seq_len": 0}, "seq_len must be an integer of at least 1, got 0"),
        ({"seq_len": 5, "batch": 0}, "batch must be an integer of at least 1, got 0"),
        ({"seq_len": 5, "phase": "train"}, "phase must be"),
        ({"seq_len": 5, "dtype": "float64"}, "must be float32, bfloat16 or float16 for a config.json"),
    ],
)
def test_refused_demands(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_config(hf.fixture("llama")).memory(**arguments)


def test_the_library_itself_does_not_import_transformers() -> None:
    import subprocess
    import sys

    code = "import sys, plait.memory; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_known_types_are_listed() -> None:
    assert {"llama", "jamba", "gemma3", "qwen3_next"} <= set(known_model_types())


def test_a_long_value_is_cut_short() -> None:
    with pytest.raises(ValueError, match=r"got \['x', 'x'.{1,50}\.\.\.$"):
        read_config(changed("kimi_linear", mlp_layer_types=["x"] * 10_000))


def test_every_causal_class_of_the_library_is_read_or_explained() -> None:
    unread = unread_classes()
    assert set(unread) <= set(EXPLAINED)
    assert len(unread) <= 45
