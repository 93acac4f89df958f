"""The forward pass in JavaScript against torch: logits of the built models, and everything that is shown."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from plait import HybridConfig, HybridLM
from plait.report.pass_contents import inside
from plait.tasks import task_from_json

WEB = Path(__file__).parents[2] / "web"
sys.path.append(str(WEB))
import models  # noqa: E402  # pyright: ignore[reportMissingImports]

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is needed")

PASS = """
const Hybrid = require(process.argv[1]);
const { model, rows } = JSON.parse(require("fs").readFileSync(0));
const passes = rows.map((row) => {
  const found = Hybrid.forward(model, row);
  return {
    logits: found.logits,
    looks: found.looks.map((look) => look.heads[0].map(({ first, weights }) => [first, weights])),
    held: model.held ? Hybrid.held(model, found.stages).map(({ name }) => name) : null,
    known: model.task ? Hybrid.known(model, row) : null,
    targets: model.task ? Hybrid.targets(model, row) : null,
  };
});
console.log(JSON.stringify(passes));
"""

TOLERANCE = 1e-5


def passes(model: dict[str, Any], rows: list[list[int]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", "-e", PASS, str(WEB / "hybrid.js")],
        input=json.dumps({"model": model, "rows": rows}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", models.EXAMPLES)
def test_a_built_model_says_the_same_in_both(name: str) -> None:
    task, seq_len, _ = models.EXAMPLES[name]
    described = models.described(name, task, seq_len, "")
    model = models.built(task, seq_len)
    rows = torch.randint(
        task.ordinary_tokens, (6, min(seq_len, 60)), generator=torch.Generator().manual_seed(3)
    )
    for row, found in zip(rows, passes(described, rows.tolist()), strict=True):
        logits = torch.tensor(found["logits"], dtype=torch.float64)
        with torch.no_grad():
            exact, usual = model.double()(row[None])[0], model.float()(row[None])[0]
        assert float((logits - exact).abs().max()) <= TOLERANCE
        assert torch.equal(logits.argmax(-1), usual.argmax(-1))  # float32 itself is off by up to 1e-5
        seen = inside(model.double(), row)
        look = seen.looks[-1].weights
        for place, (first, weights) in enumerate(found["looks"][-1]):
            here = torch.tensor(weights, dtype=torch.float64)
            assert torch.allclose(here, look[place, first : place + 1].double(), atol=TOLERANCE)
        targets = task.targets(row)
        assert found["targets"] == [
            int(token) if scored else None for token, scored in zip(*targets, strict=True)
        ]
        held = zip(found["held"], found["known"], strict=True)
        assert [name if known else None for name, known in held] == list(seen.signals[0].values)


def test_copying_has_269_weights() -> None:
    task, seq_len, typed = models.EXAMPLES["selective copying"]
    described = models.described("selective copying", task, seq_len, typed)
    assert described["parameters"] == 269
    assert task_from_json(described["task"]) == task
    assert all(word in described["token_names"] for word in typed.split())


def test_the_compiled_program_is_shown_as_it_was_written() -> None:
    task, seq_len, typed = models.EXAMPLES["associative recall, compiled"]
    described = models.described("", task, seq_len, typed)
    assert described["task"]["written"] == [
        "p.before = p.lag(p.token)",
        "p.answer = p.latest(p.token, key=p.before, query=p.token)",
    ]
    assert described["parameters"] < 500
    assert all(word in described["token_names"] for word in typed.split())


@pytest.mark.parametrize(
    "config",
    [
        HybridConfig(11, pattern="SSM-TF", d_model=8, window=4),
        HybridConfig(
            11, pattern="TF-SSM-TF", d_model=12, n_heads=2, window=(None, None, 3), dt_rank=2, d_conv=3
        ),
        HybridConfig(11, pattern="TF", d_model=24, n_heads=2, rotary_fraction=0.25, rotary_odd="released"),
        HybridConfig(11, pattern="TF", d_model=12, rotary_fraction=0.3, d_mlp=5),
        HybridConfig(11, pattern="TF", d_model=4, rotary_fraction=0.0),
    ],
    ids=lambda config: f"{config.pattern}-{config.d_model}",
)
def test_random_weights_give_the_same_logits(config: HybridConfig) -> None:
    model = HybridLM(config, seed=1, dtype=torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)))
    rows = torch.randint(11, (2, 25), generator=torch.Generator().manual_seed(4))
    weights = {key: value.tolist() for key, value in model.state_dict().items()}
    found = passes({"config": models.config_json(model), "weights": weights}, rows.tolist())
    want = model(rows)
    for row, ours in zip(want, found, strict=True):
        assert torch.allclose(
            torch.tensor(ours["logits"], dtype=torch.float64), row, rtol=TOLERANCE, atol=TOLERANCE
        )
