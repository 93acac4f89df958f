"""HybridConfig: derived sizes, the JSON form, and what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import HybridConfig


def test_derived_sizes():
    spec = HybridConfig(34, d_model=24).layer_specs()[0]
    assert (spec.d_inner, spec.dt_rank, spec.d_mlp, spec.d_head, spec.d_rotary) == (48, 2, 48, 24, 6)
    spec = HybridConfig(34, d_model=24, d_inner=7, dt_rank=5, d_mlp=0, n_heads=2).layer_specs()[1]
    assert (spec.d_inner, spec.dt_rank, spec.d_mlp, spec.d_head, spec.d_rotary) == (7, 5, 0, 12, 3)
    assert spec.index == 1


def test_one_value_or_one_a_layer():
    config = HybridConfig(34, pattern="SSM-TF*2", d_model=8, window=[3, None, 5], d_mlp=(None, 0, 4))  # type: ignore[arg-type]
    assert [spec.window for spec in config.layer_specs()] == [3, None, 5]
    assert [spec.d_mlp for spec in config.layer_specs()] == [16, 0, 4]
    assert [
        spec.window for spec in HybridConfig(34, pattern="TF-TF", d_model=8, window=20).layer_specs()
    ] == [
        20,
        20,
    ]
    assert hash(config) == hash(HybridConfig.from_json(config.to_json()))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window": 20, "dropout": 0.1},
        {"pattern": "(SSM-TF)*2", "window": (1, 2, 3, None), "d_mlp": (0, 1, 2, 3)},
        {"n_heads": 2, "rotary_fraction": 1, "rotary_base": 10_000, "init": "mamba", "d_state": 1},
        {"vocab_size": None, "d_inner": 5, "dt_rank": 2, "d_conv": 1, "expand": 3},
    ],
)
def test_json_and_back(changes: dict[str, Any]):
    config = HybridConfig(**({"vocab_size": 34, "d_model": 8} | changes))
    text = json.dumps(config.to_json())
    assert HybridConfig.parse(text) == config
    assert HybridConfig.parse(text).to_json() == config.to_json()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"vocab_size": 0}, "vocab_size must be an integer of at least 1, below 2\\^31, got 0"),
    ({"vocab_size": True}, "vocab_size must be an integer"),
    ({"vocab_size": 34.0}, "vocab_size must be an integer .* got 34.0"),
    ({"d_model": 0}, "d_model must be an integer"),
    ({"d_model": "8"}, "d_model must be an integer .* got '8'"),
    ({"d_model": 2**40}, "d_model must be an integer .* below 2"),
    ({"d_model": 2**30, "expand": 2}, r"expand \* d_model must be an integer"),
    ({"d_model": 8, "n_heads": 3}, "divisible by n_heads, got d_model 8 and n_heads 3"),
    ({"n_heads": 0}, "n_heads must be an integer"),
    ({"window": 0}, "window must be an integer of at least 1, below 2\\^31, got 0"),
    ({"window": -3}, "window must be an integer"),
    ({"window": True}, "window must be an integer"),
    ({"window": (1, 2, 3)}, r"window must be one value or one a layer \(2\), got 3 values"),
    ({"window": (1, 0)}, "each window must be an integer of at least 1"),
    ({"window": "20"}, "window must be an integer"),
    ({"d_mlp": -1}, "d_mlp must be an integer of at least 0"),
    ({"d_mlp": ()}, "d_mlp must be one value or one a layer"),
    ({"d_state": 0}, "d_state must be"),
    ({"d_conv": 0}, "d_conv must be"),
    ({"expand": 1.5}, "expand must be"),
    ({"d_inner": 0}, "d_inner must be"),
    ({"dt_rank": -1}, "dt_rank must be"),
    ({"mlp_factor": -1}, "mlp_factor must be"),
    ({"dropout": 1.0}, r"dropout must be a number in \[0, 1\), got 1.0"),
    ({"dropout": -0.1}, "dropout must be"),
    ({"dropout": float("nan")}, "dropout must be"),
    ({"dropout": None}, "dropout must be"),
    ({"rotary_fraction": 1.1}, r"rotary_fraction must be a number in \[0, 1\], got 1.1"),
    ({"rotary_fraction": 1.0, "d_model": 5}, "turns 6 dimensions .* of heads that have 5"),
    ({"rotary_base": 0}, "rotary_base must be a number positive and finite"),
    ({"rotary_base": float("inf")}, "rotary_base must be"),
    ({"norm_eps": 0.0}, "norm_eps must be a number positive"),
    ({"norm_eps": False}, "norm_eps must be"),
    ({"init": "xavier"}, "unknown init 'xavier'; known: released, paper, mamba"),
    ({"init": ["paper"]}, "unknown init"),
    ({"pattern": "SSM-XF"}, "unknown layer 'XF'"),
    ({"pattern": None}, "pattern must be a string such as SSM-TF, got None"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message) as caught:
        HybridConfig(**({"vocab_size": 34, "d_model": 8} | changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON"),
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[1, 2]", "must be a JSON object of fields, got list"),
        ("null", "must be a JSON object of fields, got NoneType"),
        ("{}", "needs d_model, got no field"),
        ('{"vocab_size": 34}', "needs d_model, got vocab_size"),
        ('{"d_model": 8, "d_modl": 8}', "unknown field 'd_modl'; known: vocab_size, .*; nearest: d_model"),
        ('{"d_model": NaN}', "d_model must be an integer"),
        ('{"d_model": 8, "dropout": Infinity}', "dropout must be"),
        ('{"d_model": 8, "window": {"a": 1}}', "window must be an integer"),
    ],
)
def test_refused_json(text: str, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        HybridConfig.parse(text)
    assert "\n" not in str(caught.value)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.none(), st.integers(-1, 9), st.floats()), max_size=3),
    st.sampled_from(["SSM", "TF*2", "paper", "mamba"]),
)


@settings(max_examples=1000, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(HybridConfig(d_model=1).to_json())), ANYTHING, max_size=4))
def test_any_fields_make_a_config_or_a_value_error(values: dict[str, Any]):
    made = made_or_refused({"d_model": 8} | values)
    if isinstance(made, str):
        assert "\n" not in made
    else:
        assert HybridConfig.parse(json.dumps(made.to_json())) == made
        assert len(made.layer_specs()) == made.n_layers


def made_or_refused(values: dict[str, Any]) -> HybridConfig | str:
    try:
        return HybridConfig.from_json(values)
    except ValueError as error:
        return str(error)
