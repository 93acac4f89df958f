"""Trained stacks in classes of transformers: as a whole where one carries them, by blocks elsewhere, or why not."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM

from plait.export import BlockStack, export_hf
from plait.export.folder import quiet_transformers
from plait.model import HybridConfig, HybridLM

TOKENS = torch.randint(0, 11, (2, 40), generator=torch.Generator().manual_seed(0))


def trained(pattern: str, **changes: Any) -> HybridLM:
    """Weights that no initialisation gives, the last norm's bias among them."""
    model = HybridLM(HybridConfig(11, pattern=pattern, **{"d_model": 8} | changes), seed=0)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draws))
    return model.eval()


@pytest.mark.parametrize(
    "changes",
    [{}, {"n_heads": 2, "rotary_fraction": 1.0}, {"rotary_fraction": 0.4}, {"positions": "none", "d_mlp": 5}],
)
@torch.no_grad()
def test_attention_alone_is_gpt_neox(tmp_path: Path, changes: dict[str, Any]):
    model = trained("TF-TF", **changes)
    done = export_hf(model, tmp_path)
    assert (done.whole, done.why_not) == ("GPTNeoXForCausalLM", None)
    with quiet_transformers():
        whole = AutoModelForCausalLM.from_pretrained(str(tmp_path), trust_remote_code=False)
        theirs = whole(TOKENS).logits
    ours = model(TOKENS)
    torch.testing.assert_close(theirs, ours, rtol=0.0, atol=1e-5 * float(ours.abs().max()))
    assert "weight for weight" in json.loads((tmp_path / "plait.json").read_text())["what"]


@pytest.mark.parametrize(
    ("pattern", "changes"),
    [
        ("Mamba2-TF-Mamba2", {"options": {"Mamba2": {"heads": 4, "groups": 2}}}),
        ("GDN-TF", {"options": {"GDN": {"heads": 2, "d_k": 3, "d_v": 5, "beta_to": 2}}}),
        ("ShortConv-SSM-MLP", {}),
    ],
)
@torch.no_grad()
def test_mixers_go_block_by_block(tmp_path: Path, pattern: str, changes: dict[str, Any]):
    model = trained(pattern, **changes)
    with quiet_transformers():
        theirs = BlockStack(model)(TOKENS)
    ours = model(TOKENS)
    torch.testing.assert_close(theirs, ours, rtol=0.0, atol=1e-5 * float(ours.abs().max()))
    done = export_hf(model, tmp_path)
    assert done.whole is None
    about = json.loads((tmp_path / "blocks" / "layer-0.json").read_text())
    assert about["block"] in ("Mamba2Block", "OlmoHybridGatedDeltaNet", "Lfm2ShortConv")
    assert (about["around"] is None) == (about["block"] == "Mamba2Block")


@pytest.mark.parametrize(
    ("pattern", "changes", "why"),
    [
        ("TF-TF", {"window": 5}, "GPTNeoXForCausalLM has no sliding window"),
        ("TF-TF", {"d_mlp": (4, 5)}, "as many MLP units in every layer"),
        ("TF", {"rotary_fraction": 0.4, "rotary_odd": "released"}, "turns pairs of dimensions"),
        ("SSM-SSM", {}, "MambaForCausalLM ends in an RMSNorm, and this model in a LayerNorm"),
        ("Mamba2", {}, "Mamba2ForCausalLM ends in an RMSNorm"),
        ("GDN-TF", {}, "no class stacks GPTNeoXLayer and blocks for GDN"),
    ],
)
def test_why_no_class_carries_the_whole(tmp_path: Path, pattern: str, changes: dict[str, Any], why: str):
    done = export_hf(trained(pattern, **changes), tmp_path)
    assert done.whole is None
    assert done.why_not is not None
    assert why in done.why_not
    assert json.loads((tmp_path / "plait.json").read_text())["why_no_class"] == done.why_not


@pytest.mark.parametrize(
    ("pattern", "changes", "why"),
    [
        ("(SSM|TF)-TF", {}, r"none that adds up the sides of \(SSM\|TF\)"),
        ("RWKV7-TF", {}, "blocks for SSM and TF layers and for Mamba2, GDN, ShortConv, MLP, got 'RWKV7'"),
        ("MLP-TF", {"options": {"MLP": {"gated": False}}}, "LlamaMLP has a gate"),
        ("Mamba2", {"d_inner": 12}, "channels that are a multiple of its width, not 12 at 8"),
    ],
)
def test_what_has_no_block_is_refused_before_anything_is_written(
    tmp_path: Path, pattern: str, changes: dict[str, Any], why: str
):
    with pytest.raises(ValueError, match=why):
        export_hf(trained(pattern, **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()
