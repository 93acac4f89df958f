"""The compiled stream: equal to the plain layers and the plain head, and to itself however the tokens are cut.

Tolerance against the plain layers: 1e-12 of the largest entry in float64, 1e-5 in float32.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from plait.layers import MambaLayer, TransformerLayer
from plait.model import HybridConfig, HybridLM
from plait.model.compiled import CompiledModel, can_compile
from plait.native import library

pytestmark = pytest.mark.skipif(not library.available(), reason="no C++ compiler")

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}
VOCAB, BATCH, TIME = 13, 19, 33
CONFIGS: list[dict[str, Any]] = [
    {"pattern": "SSM-TF", "d_model": 8, "window": 20},
    {"pattern": "SSM-TF-TF", "d_model": 12, "window": (None, 2, 7), "n_heads": 2, "rotary_fraction": 0.5},
    {"pattern": "TF-SSM", "d_model": 7, "d_mlp": 0, "d_state": 3, "d_conv": 1, "window": 1},
    {"pattern": "TF", "d_model": 6, "rotary_fraction": 0.0, "d_mlp": 5},
    {"pattern": "SSM-SSM", "d_model": 5, "d_state": 1, "d_conv": 2, "dt_rank": 3, "d_inner": 17},
]


def filled(config: dict[str, Any], dtype: torch.dtype = torch.float64) -> HybridLM:
    model = HybridLM(HybridConfig(VOCAB, **config), seed=1, dtype=dtype).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(
                dtype
            )
    return model


def tokens(batch: int = BATCH, time: int = TIME) -> Tensor:
    return torch.randint(0, VOCAB, (batch, time), generator=torch.Generator().manual_seed(3))


def rows(tiles: Tensor, batch: int) -> Tensor:
    """`(tiles, time, features, lanes)` as `(batch, time, features)`."""
    return tiles.permute(0, 3, 1, 2).flatten(0, 1)[:batch]


@torch.no_grad()
def plain(model: HybridLM, read: Tensor) -> list[Tensor]:
    """Hidden states before every layer and before the head, in plain operations."""
    hidden = [model.embedding.weight[read]]
    for layer in model.layers:
        assert isinstance(layer, MambaLayer | TransformerLayer)
        hidden.append(layer.reference_forward(hidden[-1]))
    return hidden


def assert_near(ours: Tensor, theirs: Tensor) -> None:
    atol = TOLERANCE[ours.dtype] * max([1.0, *theirs.abs().flatten().tolist()])
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=atol)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("config", CONFIGS)
def test_equal_to_the_plain_layers(config: dict[str, Any], dtype: torch.dtype):
    model = filled(config, dtype)
    compiled = CompiledModel(model)
    found = compiled.advance(tokens(), compiled.start(BATCH))
    assert_near(rows(found.hidden, BATCH), plain(model, tokens())[-1])


@pytest.mark.parametrize("config", CONFIGS)
def test_the_same_bits_however_the_tokens_are_cut_and_whatever_stands_beside_them(config: dict[str, Any]):
    compiled = CompiledModel(filled(config, torch.float32))
    read = tokens()
    whole = compiled.advance(read, compiled.start(BATCH)).hidden
    state, parts = compiled.start(BATCH), []
    for first, last in ((0, 5), (5, 6), (6, 7), (7, TIME)):
        step = compiled.advance(read[:, first:last], state)
        state = step.state
        parts.append(step.hidden)
    assert torch.equal(torch.cat(parts, dim=1), whole)
    alone = compiled.advance(read[18:], compiled.start(1)).hidden
    assert torch.equal(rows(alone, 1)[0], rows(whole, BATCH)[18])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_step_of_a_layer_is_its_plain_step(dtype: torch.dtype):
    for config in CONFIGS:
        model = filled(config, dtype)
        hidden = plain(model, tokens())
        for place, layer in enumerate(model.layers):
            assert isinstance(layer, MambaLayer | TransformerLayer)
            state = layer.init_state(BATCH, dtype=dtype, device=torch.device("cpu"))
            for position in range(TIME):
                with torch.no_grad():
                    out, after = layer.step(hidden[place][:, position], state)
                    expected, expected_after = layer.reference_step(hidden[place][:, position], state)
                assert_near(out, expected)
                assert after.keys() == expected_after.keys()
                for name in after:
                    assert_near(after[name], expected_after[name])
                state = after


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_answers_and_leads_are_those_of_the_logits(dtype: torch.dtype):
    model = filled(CONFIGS[0], dtype)
    compiled = CompiledModel(model)
    hidden = compiled.advance(tokens(), compiled.start(BATCH)).hidden
    targets = torch.randint(-1, VOCAB, (BATCH, TIME), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        logits = model(tokens())
    answers = compiled.answers(hidden, batch=BATCH)
    best = logits.topk(2).values
    assert answers.tokens is not None
    assert torch.equal(answers.tokens, logits.argmax(-1))
    assert_near(answers.gaps, best[..., 0] - best[..., 1])
    asked = targets >= 0
    place = targets.clamp(min=0).unsqueeze(-1)
    others = logits.scatter(-1, place, -torch.inf).max(-1).values
    leads = compiled.leads(hidden, targets)
    assert_near(leads[asked], (logits.gather(-1, place).squeeze(-1) - others)[asked])
    assert leads[~asked].isposinf().all()


def test_a_tie_and_a_number_that_is_not_finite_are_no_lead():
    model = filled(CONFIGS[3])
    with torch.no_grad():
        model.embedding.weight[4] = model.embedding.weight[7]
    compiled = CompiledModel(model)
    read = tokens(1, 1)
    hidden = compiled.advance(read, compiled.start(1)).hidden
    best = int(model(read).detach().argmax())
    tied = CompiledModel(model).leads(hidden, torch.tensor([[7]]))
    assert tied <= 0.0
    with torch.no_grad():
        model.final_norm.bias[0] = torch.inf
    assert compiled.leads(hidden, torch.tensor([[best]])).isnan()


def test_margins_are_the_scores_of_the_last_attention_layer():
    model = filled(CONFIGS[1])
    compiled = CompiledModel(model)
    read = tokens()
    sources = torch.randint(0, 9, read.shape, generator=torch.Generator().manual_seed(5), dtype=torch.int32)
    sources = torch.minimum(sources, torch.arange(TIME, dtype=torch.int32))
    found = compiled.advance(read, compiled.start(BATCH), sources=sources)
    layer = model.layers[2]
    assert isinstance(layer, TransformerLayer)
    with torch.no_grad():
        expected = layer.attention.margins(
            layer.input_layernorm(plain(model, read)[2]), sources.to(torch.int64)
        )
    assert found.margins is not None
    seen = sources < 7
    assert_near(found.margins[seen], expected[seen])
    assert found.margins[~seen].isneginf().all()
    assert expected[~seen].isneginf().all()


def test_what_cannot_be_compiled_is_refused():
    assert not can_compile(filled(CONFIGS[0]).to(torch.bfloat16))
    with pytest.raises(ValueError, match="float32 or float64 on a CPU"):
        CompiledModel(filled(CONFIGS[0]).to(torch.bfloat16))
    compiled = CompiledModel(filled(CONFIGS[0]))
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 13\), got 13"):
        compiled.advance(torch.tensor([[13]]), compiled.start(1))
