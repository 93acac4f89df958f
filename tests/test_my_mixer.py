"""The example of a user's own mixer: its equation, the promises of a layer, compiled, in an ensemble, from disk."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from plait import HybridConfig, HybridLM, load
from plait.layers.contract import check_layer
from plait.memory import count
from plait.training.ensemble import Ensemble

EXAMPLES = Path(__file__).parent.parent / "examples"
NAME = "my_mixer:ForgettingAttention"


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> HybridConfig:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return HybridConfig(13, pattern=f"{NAME}-TF", d_model=8, options={NAME: {"heads": 4}})


def test_its_equation(config: HybridConfig):
    model = HybridLM(config, dtype=torch.float64)
    layer = model.layers[0]
    weights = {name: p + 0.3 for name, p in layer.named_parameters()}
    layer.load_state_dict(weights)
    hidden = torch.randn(1, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = F.rms_norm(hidden[0], (8,), eps=1e-5) * weights["norm.weight"]
    q, k, v = (x @ weights[f"{name}_proj.weight"].T for name in "qkv")
    keep = torch.sigmoid(x @ weights["gate.weight"].T + weights["gate.bias"])
    read = torch.zeros(9, 8, dtype=torch.float64)
    for head in range(4):
        own, state = slice(2 * head, 2 * head + 2), torch.zeros(2, 2, dtype=torch.float64)
        for t in range(9):
            query, key = (part[t, own] / (part[t, own].square().sum() + 1e-6).sqrt() for part in (q, k))
            state = keep[t, head] * state + torch.outer(v[t, own], key)
            read[t, own] = state @ query
    torch.testing.assert_close(layer(hidden)[0], hidden[0] + read @ weights["o_proj.weight"].T)


def test_it_keeps_the_promises_of_a_layer(config: HybridConfig):
    check_layer(NAME, config.layer_specs()[0], seq_len=20)


def test_it_runs_compiled_and_each_member_as_alone(config: HybridConfig):
    tokens = torch.randint(0, 13, (3, 8, 20), generator=torch.Generator().manual_seed(0))
    among, alone = Ensemble(config, [0, 1, 2]), Ensemble(config, [1])
    assert among.engine == "compiled"
    for ensemble, own in ((among, tokens), (alone, tokens[1:2])):
        ensemble.differentiate(ensemble.scores(own, (own, torch.ones_like(own, dtype=torch.bool)))[0])
    assert torch.equal(among.gradients[1], alone.gradients[0])


def test_it_comes_back_from_disk_and_is_counted(config: HybridConfig, tmp_path: Path):
    model = HybridLM(config).eval()
    model.save(tmp_path)
    loaded = load(tmp_path, trust_code=True)
    tokens = torch.zeros(1, 5, dtype=torch.int64)
    assert torch.equal(loaded(tokens), model(tokens))
    held: Any = model.init_state(1)[0]["ssm_state"]
    assert count(config, 5).layers[0].ssm_state == held.numel() == 16


def test_options_that_it_does_not_have(config: HybridConfig):
    wrong = HybridConfig(13, pattern=NAME, d_model=8, options={NAME: {"head": 4}})
    with pytest.raises(
        ValueError, match=r"unknown option of layer ForgettingAttention 'head'.*nearest: heads"
    ):
        HybridLM(wrong)
