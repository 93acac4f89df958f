"""Constructions in the classes of transformers: every input of small domains, cached decoding, folders, the example."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer

from plait.constructions import Plan, copying_plan, layouts, recall_plan, save, smallest_plan
from plait.export import BlockStack, bamba, export_hf, right_answers
from plait.export.folder import quiet_transformers
from plait.model import HybridConfig, HybridLM
from plait.random import Stream
from plait.tasks import DecodingRecall, SelectiveCopying
from plait.verify.inputs import Domain, occurring_tokens
from plait.verify.reading import logit_leads

pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")

COPYING, RECALL = SelectiveCopying(n_words=2, numbers=(1, 2)), DecodingRecall(n_bits=1)
EXAMPLE = Path(__file__).parents[2] / "examples" / "constructed_in_transformers.py"


def plan_of(task: SelectiveCopying | DecodingRecall, seq_len: int) -> Plan:
    return smallest_plan(task, seq_len) if isinstance(task, SelectiveCopying) else recall_plan(task, seq_len)


@torch.no_grad()
def least_lead(model: Any, plan: Plan, tokens: Tensor) -> float:
    targets = plan.task.targets(tokens)
    with quiet_transformers():
        gaps = logit_leads(model(tokens).logits, targets)
    assert bool(targets.scored.any())
    return float(gaps.min())


@pytest.mark.parametrize(
    ("task", "seq_len"), [(COPYING, 6), (SelectiveCopying(n_words=1, numbers=(3,)), 8), (RECALL, 6)]
)
def test_every_input_of_small_domains(task: SelectiveCopying | DecodingRecall, seq_len: int):
    plan = plan_of(task, seq_len)
    domain = Domain(n_tokens=occurring_tokens(task), seq_len=seq_len)
    assert least_lead(bamba(plan), plan, domain.rows(0, domain.inputs)) > 0.0


@pytest.mark.parametrize(
    ("task", "seq_len"),
    [
        (SelectiveCopying(), 100),
        (SelectiveCopying(n_words=300, numbers=(1, 7, 40)), 300),
        (DecodingRecall(n_bits=3), 100),
        (DecodingRecall(), 100),
    ],
)
def test_samples_at_the_experiments_size(task: SelectiveCopying | DecodingRecall, seq_len: int):
    plan = plan_of(task, seq_len)
    tokens = task.sample(Stream(1), batch=40, seq_len=seq_len)
    assert least_lead(bamba(plan), plan, tokens) > 0.0


def test_a_fault_in_its_weights_shows():
    plan = copying_plan(COPYING, 5)
    domain = Domain(n_tokens=4, seq_len=5)
    for name in (
        "layers.0.mamba.in_proj.weight",
        "layers.1.self_attn.q_proj.weight",
        "layers.0.mamba.norm.weight",
    ):
        model = bamba(plan)
        with torch.no_grad():
            model.get_parameter(f"model.{name}").neg_()
        assert least_lead(model, plan, domain.rows(0, domain.inputs)) < 0.0


@pytest.mark.parametrize("task", [SelectiveCopying(n_words=5, numbers=(2, 4)), DecodingRecall(n_bits=2)])
@torch.no_grad()
def test_cached_decoding_and_generation(task: SelectiveCopying | DecodingRecall):
    model = bamba(plan_of(task, 40))
    tokens = task.sample(Stream(2), batch=3, seq_len=40)
    targets = task.targets(tokens)
    cache: Any = None
    answers: list[Tensor] = []
    with quiet_transformers():
        for place in range(40):
            step = model(
                tokens[:, place : place + 1],
                past_key_values=cache,
                use_cache=True,
                position_ids=torch.full((3, 1), place),
            )
            cache = step.past_key_values
            answers.append(step.logits.argmax(-1))
        written = model.generate(tokens[:, :25], max_new_tokens=15, do_sample=False)
    right = (torch.cat(answers, dim=1) == targets.tokens) | ~targets.scored
    assert bool(right.all())
    own = task.targets(written)
    scored = own.scored[:, 24:-1]
    assert torch.equal(written[:, 25:][scored], own.tokens[:, 24:-1][scored])


@pytest.mark.parametrize("task", [COPYING, DecodingRecall(n_bits=2)])
def test_the_blocks_give_what_the_model_gives(task: SelectiveCopying | DecodingRecall):
    for plan in layouts(task, 30)[:3]:
        model = plan.build()
        tokens = task.sample(Stream(0), batch=4, seq_len=30)
        for attention in ("eager", "sdpa"):
            with quiet_transformers(), torch.no_grad():
                theirs = BlockStack(model, attention=attention)(tokens)
                torch.testing.assert_close(theirs, model(tokens), rtol=0.0, atol=1e-3)


def test_a_folder_is_loaded_as_any_other(tmp_path: Path):
    plan = copying_plan(SelectiveCopying(n_words=5, numbers=(2, 4)), 50)
    done = export_hf(plan.build(), tmp_path, plan=plan)
    assert done.whole == "BambaForCausalLM"
    assert {"config.json", "model.safetensors", "tokenizer.json", "plait.json"} <= set(done.files)
    right, scored = right_answers(tmp_path, plan.task, seq_len=50)
    assert right == scored > 500
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(str(tmp_path), trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(str(tmp_path))
    assert sum(parameter.numel() for parameter in model.parameters()) == done.parameters
    row = ["a", "4'", "b", "c", "2'", "d"]
    names = plan.task.token_names
    assert tokenizer(" ".join(row))["input_ids"] == [names.index(name) for name in row]
    assert len(tokenizer) == plan.task.vocab_size
    about = json.loads((tmp_path / "plait.json").read_text())
    assert about["task"] == "selective-copying"
    assert "variant" in about["what"]


@pytest.mark.parametrize("task", [SelectiveCopying(), DecodingRecall(n_bits=2)])
def test_the_example_runs_on_an_exported_folder(
    task: SelectiveCopying | DecodingRecall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    plan = plan_of(task, 60)
    export_hf(plan.build(), tmp_path, plan=plan)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(tmp_path)])
    with quiet_transformers():
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    told = capsys.readouterr().out
    for line in told.splitlines():
        right, scored = (int(word) for word in line.split() if word.isdigit())
        assert right == scored > 20
    assert told.startswith("MambaBlock and GPTNeoXLayer: ")
    assert "\nBambaForCausalLM: " in told
    assert "plait" not in EXAMPLE.read_text().split('"""')[2].replace("plait.json", "")


def test_a_trained_model_goes_block_by_block(tmp_path: Path):
    model = HybridLM(HybridConfig(12, pattern="SSM-TF-SSM", d_model=8, window=5, n_heads=2), seed=0)
    done = export_hf(model, tmp_path)
    assert done.whole is None
    assert not (tmp_path / "config.json").exists()
    assert len([name for name in done.files if name.endswith(".safetensors")]) == 4
    assert "No class" in json.loads((tmp_path / "plait.json").read_text())["what"]


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    model = HybridLM(HybridConfig(12, pattern="my_layer:GatedLinearAttention-TF", d_model=8), seed=0)
    with pytest.raises(ValueError, match="blocks for SSM and TF layers and for Mamba2"):
        export_hf(model, tmp_path)
    with pytest.raises(ValueError, match="cannot carry"):
        bamba(recall_plan(DecodingRecall(n_bits=9), 200, dtype=torch.float64))
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from typer.testing import CliRunner

    from plait.cli import app

    monkeypatch.chdir(tmp_path)
    plan = copying_plan(SelectiveCopying(n_words=5, numbers=(2, 4)), 30)
    save(plan.build(), tmp_path / "model")
    done = CliRunner().invoke(app, ["export", "model", "--to", "hf", "-o", "hf", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["class"] == "BambaForCausalLM"
    assert document["right"] == document["scored"] > 0
    told = CliRunner().invoke(app, ["export", "model", "-o", "hf2"]).stdout
    assert "loaded by AutoModelForCausalLM" in told
    wrong = CliRunner().invoke(app, ["export", "model", "--to", "onnx", "-o", "hf3"])
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("plait: unknown format 'onnx'")
    HybridLM(HybridConfig(10, d_model=4), seed=0).save(tmp_path / "trained")
    told = CliRunner().invoke(app, ["export", "trained", "-o", "hf4"]).stdout
    assert "no whole model: no class stacks GPTNeoXLayer and blocks for SSM" in " ".join(told.split())
    HybridLM(HybridConfig(10, pattern="TF", d_model=4), seed=0).save(tmp_path / "attention")
    told = CliRunner().invoke(app, ["export", "attention", "-o", "hf5"]).stdout
    assert "loaded by AutoModelForCausalLM: the model itself" in " ".join(told.split())
