"""Counts of plait configs equal the model and its streaming state, scalar for scalar and byte for byte."""

import pytest
import torch
from drawn_configs import configs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from plait import HybridConfig, HybridLM
from plait.layers import LayerSpec
from plait.layers.protocol import State
from plait.memory import count
from plait.random import Stream

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
KINDS = ("ssm_state", "conv_tail", "kv_cache")


def streamed(model: HybridLM, seq_len: int) -> tuple[State, ...]:
    state = model.init_state(1)
    for _ in range(seq_len):
        _, state = model.step(torch.zeros(1, dtype=torch.int64), state)
    return state


@settings(max_examples=60, deadline=None)
@given(config=configs(), seq_len=st.integers(1, 9), dtype=st.sampled_from(DTYPES))
def test_equals_what_is_held(config: HybridConfig, seq_len: int, dtype: torch.dtype) -> None:
    model = HybridLM(config, seed=0, dtype=dtype)
    report = count(config, seq_len, dtype)
    state = streamed(model, seq_len)
    assert report.parameters == sum(p.numel() for p in model.parameters())
    assert report.parameter_bytes == sum(p.numel() * p.element_size() for p in model.parameters())
    for kind in KINDS:
        assert getattr(report, kind) == sum(layer[kind].numel() for layer in state if kind in layer)
    tensors = [tensor for layer in state for tensor in layer.values()]
    assert report.state_bytes == sum(t.numel() * t.element_size() for t in tensors)
    assert report.stored_bytes == sum(t.untyped_storage().nbytes() for t in tensors)
    for layer, held, module in zip(report.layers, state, model.layers, strict=True):
        assert layer.parameters == sum(p.numel() for p in module.parameters())
        assert layer.state_bytes == sum(t.numel() * t.element_size() for t in held.values())
        for kind in KINDS:
            assert getattr(layer, kind) == (held[kind].numel() if kind in held else 0)


class Averager(nn.Module):
    """A user's layer: adds the running mean, which it holds in float64, beside the last token."""

    members_axis = False

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(spec.d_model))

    def forward(self, hidden: Tensor) -> Tensor:
        steps = torch.arange(1, hidden.shape[-2] + 1).unsqueeze(-1)
        return hidden + self.gain * hidden.cumsum(-2) / steps

    def init_state(self, batch: int, *, dtype: torch.dtype, device: torch.device) -> State:
        wide = torch.zeros(batch, len(self.gain) + 1, dtype=torch.float64, device=device)
        return {
            "ssm_state": wide,
            "conv_tail": torch.zeros(batch, len(self.gain), dtype=dtype, device=device),
        }

    def step(self, hidden: Tensor, state: State) -> tuple[Tensor, State]:
        total = state["ssm_state"] + torch.cat((hidden, torch.ones(len(hidden), 1)), -1)
        mean = (total[:, :-1] / total[:, -1:]).to(hidden.dtype)
        return hidden + self.gain * mean, {"ssm_state": total, "conv_tail": hidden}

    def state_size(self, seq_len: int) -> dict[str, int]:
        return {"ssm_state": len(self.gain) + 1, "conv_tail": len(self.gain)}

    def reset_parameters(self, stream: Stream) -> None:
        nn.init.ones_(self.gain)


def test_a_layer_of_ones_own_answers_for_itself() -> None:
    own = f"{__name__}:Averager"
    config = HybridConfig(5, pattern=f"TF-{own}", d_model=4, window=3)
    report, model = count(config, 6), HybridLM(config)
    state = streamed(model, 6)
    tensors = [tensor for layer in state for tensor in layer.values()]
    assert report.state_bytes == sum(t.numel() * t.element_size() for t in tensors)
    assert (report.ssm_state, report.conv_tail) == (5, 4)
    assert report.parameters_by_part[own] == 4
    assert report.parameters == sum(p.numel() for p in model.parameters())


class Unclear(Averager):
    """A layer that counts its state under a name of its own."""

    def state_size(self, seq_len: int) -> dict[str, int]:
        return {"memory": 3}


class Negative(Averager):
    """A layer that counts less than nothing."""

    def state_size(self, seq_len: int) -> dict[str, int]:
        return {"ssm_state": -1}


@pytest.mark.parametrize(("name", "message"), [("Unclear", "got 'memory'"), ("Negative", "got -1")])
def test_a_layer_that_answers_wrongly(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count(HybridConfig(5, pattern=f"{__name__}:{name}", d_model=4), 6)


@pytest.mark.parametrize(
    ("pattern", "d_model", "vocab_size", "parameters"),
    [
        ("SSM-TF", 4, 34, 872),
        ("SSM-TF", 8, 34, 2192),
        ("TF-SSM", 8, 34, 2192),
        ("TF-TF", 32, 34, 18240),
        ("SSM-SSM", 24, 34, 13488),
        ("SSM-SSM", 16, 11, 6960),
        ("TF-TF", 20, 11, 7100),
    ],
)
def test_parameters_of_the_paper(pattern: str, d_model: int, vocab_size: int, parameters: int) -> None:
    config = HybridConfig(vocab_size, pattern=pattern, d_model=d_model)
    report = count(config, 100)
    assert report.parameters == parameters
    assert sum(row["parameters"] for row in report.rows()[:-1]) == parameters


def test_memory_stops_growing_once_the_window_is_full() -> None:
    config = HybridConfig(8, pattern="SSM-TF", d_model=4, window=5)
    sizes = [count(config, n).state_bytes for n in (3, 4, 5, 1000)]
    assert sizes[0] < sizes[1] == sizes[2] == sizes[3]


def test_report_as_json_and_rows() -> None:
    report = count(HybridConfig(8, pattern="TF-TF-SSM", d_model=4), 7)
    plain = report.to_json()
    assert plain["state_bytes"] == report.state_bytes == plain["state_bits"] // 8
    assert [row["layers"] for row in report.rows()] == ["0-1", "2", "", ""]
    assert report.rows()[-1]["state_bytes"] == report.state_bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seq_len": 0}, "seq_len must be an integer of at least 1, got 0"),
        ({"dtype": "int8"}, "dtype must be one of float64, float32, bfloat16, float16, got 'int8'"),
        ({"config": HybridConfig(d_model=4)}, "needs vocab_size"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    arguments = {"config": HybridConfig(8, d_model=4), "seq_len": 3, "dtype": "float32"} | change
    with pytest.raises(ValueError, match=message):
        count(**arguments)
