"""Trained stacks that one class of `transformers` carries as a whole, to the last weight.

plait's models end in a LayerNorm with a bias. Of the classes that stack its layers, GPTNeoXForCausalLM alone ends so:
it carries TF layers with open windows. MambaForCausalLM, Mamba2ForCausalLM, BambaForCausalLM and those of the hybrids
end in an RMSNorm, which subtracts no mean and adds no bias.
"""

from typing import TYPE_CHECKING, Any

import torch

from plait.export.blocks import gpt_neox_arguments
from plait.model import HybridLM

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

TOLERANCE = 1e-5
"""Of the largest logit in float32: what the whole model may be off by, tried on a row of every token."""

_LAST_NORM = {
    "SSM": "MambaForCausalLM",
    "Mamba2": "Mamba2ForCausalLM",
    "GDN": "OlmoHybridForCausalLM",
    "ShortConv": "Lfm2ForCausalLM",
}


def why_no_class(model: HybridLM) -> str | None:
    """Why no class of transformers carries the model as a whole; None where one does."""
    config = model.config
    others = [name for name in dict.fromkeys(config.layers) if name != "TF"]
    if "TF" in config.layers and others:
        return f"no class stacks GPTNeoXLayer and blocks for {', '.join(others)}, and ends in plait's last LayerNorm"
    if others:
        stacking = next(
            (_LAST_NORM[name] for name in others if name in _LAST_NORM), "the class that stacks them"
        )
        return f"{stacking} ends in an RMSNorm, and this model in a LayerNorm, with a mean and a bias"
    specs = config.layer_specs()
    if any(spec.window is not None for spec in specs):
        return "GPTNeoXForCausalLM has no sliding window"
    if len({spec.d_mlp for spec in specs}) > 1:
        return "GPTNeoXForCausalLM has as many MLP units in every layer"
    if specs[0].rotary_odd != "paired" and specs[0].d_rotary % 2:
        return "GPTNeoXForCausalLM turns pairs of dimensions"
    return None


@torch.no_grad()
def gpt_neox(model: HybridLM) -> "GPTNeoXForCausalLM":
    """The model of TF layers as a GPTNeoXForCausalLM, its embedding held twice, as that class has it.

    Raises:
        ValueError: its logits are off by more than `TOLERANCE`.
    """
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config, dtype = model.config, model.embedding.weight.dtype
    arguments = gpt_neox_arguments(config.layer_specs()[0]) | {
        "num_hidden_layers": config.n_layers,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    made: Any = GPTNeoXForCausalLM(GPTNeoXConfig(**arguments))
    whole = made.to(dtype).eval()
    table, norm = model.embedding.weight, model.final_norm
    body = {name: value for name, value in model.state_dict().items() if name.startswith("layers.")}
    body |= {
        "embed_in.weight": table,
        "final_layer_norm.weight": norm.weight,
        "final_layer_norm.bias": norm.bias,
    }
    whole.gpt_neox.load_state_dict(body, strict=True)
    whole.get_output_embeddings().weight.copy_(table)
    tokens = torch.arange(min(table.shape[0], 256)).unsqueeze(0)
    ours, theirs = model.eval()(tokens), whole(tokens).logits
    gap = float((ours - theirs).abs().max() / ours.abs().max().clamp(min=1.0))
    if not gap <= TOLERANCE and dtype in (torch.float32, torch.float64):
        raise ValueError(
            f"GPTNeoXForCausalLM answers otherwise than the model, by {gap:.1e} of its largest logit"
        )
    return whole
