"""One choice of the released program beside ours, and those that the blocks of the small experiments make."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from plait.layers.transformer import TransformerLayer
from plait.model import HybridLM
from plait.paper.program import fresh_weights, program_config
from plait.random import Stream

PROGRAM = "released program"
TEXT = "the paper's text"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One choice of the program, and what plait does as it was run.

    Args:
        what: the choice, in a few words.
        program: what the program does.
        source: where that is known from.
        ours: what our code does, as text to read beside it.
        agrees: whether it is the same.
        note: what to know where it is not.
    """

    what: str
    program: str
    source: str
    ours: Callable[[], str]
    agrees: Callable[[], bool]
    note: str = ""


def _kept_of_mamba() -> bool:
    """Whether decay rates, skips and norms begin with Mamba's and the usual values."""
    rates = fresh_weights("layers.0.mixer.A_log").exp()
    ones = (
        "layers.0.mixer.D",
        "layers.0.norm.weight",
        "layers.1.input_layernorm.weight",
        "final_norm.weight",
    )
    return bool(
        torch.allclose(rates, torch.arange(1, 17, dtype=rates.dtype).expand_as(rates))
        and all((fresh_weights(name) == 1).all() for name in ones)
    )


def _biases_of_mamba() -> list[str]:
    names = HybridLM(replace(program_config("SSM-SSM"), vocab_size=34)).layers[0].state_dict()
    return sorted(name.removeprefix("mixer.") for name in names if name.endswith("bias"))


def _parallel() -> bool:
    """Whether attention and MLP both read the layer's input, the MLP through SiLU and twice the width."""
    layer = TransformerLayer(replace(program_config("TF-TF"), vocab_size=34).layer_specs()[0]).double()
    layer.reset_parameters(Stream(0))
    hidden = torch.randn(1, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        layer.attention.dense.weight.zero_()
        mlp, read = layer.mlp, layer.post_attention_layernorm(hidden)
        inner = torch.nn.functional.silu(mlp.dense_h_to_4h(read))
        return inner.shape[-1] == 16 and torch.allclose(layer(hidden), hidden + mlp.dense_4h_to_h(inner))


def _tied() -> bool:
    """Whether the last norm is read through the embedding, without a bias."""
    model = HybridLM(replace(program_config("SSM-TF"), vocab_size=34), seed=0, dtype=torch.float64)
    outside = {name for name, _ in model.named_parameters() if not name.startswith("layers.")}
    return outside == {"embedding.weight", "final_norm.weight", "final_norm.bias"}


def _ssm_sizes() -> str:
    spec, wider = (program_config("SSM-SSM", d_model).layer_specs()[0] for d_model in (8, 24))
    return f"{spec.d_inner} channels of 8, convolution {spec.d_conv}, rank {spec.dt_rank} ({wider.dt_rank} of 24)"


def _tf_sizes() -> str:
    config = program_config("TF-TF")
    return f"{config.n_heads} head, {config.rotary_fraction:g} turned, base {config.rotary_base:,.0f}"


BLOCK_FACTS = (
    Fact(
        what="decay rates, skips and norms at the start",
        program="A from 1 to 16, D 1, norms 1 and 0",
        source=PROGRAM,
        ours=lambda: "the same" if _kept_of_mamba() else "others",
        agrees=_kept_of_mamba,
    ),
    Fact(
        what="around the layers",
        program="embedding, LayerNorm behind the last layer, unembedding tied to the embedding without a bias",
        source=TEXT,
        ours=lambda: "the same" if _tied() else "others",
        agrees=_tied,
    ),
    Fact(
        what="an SSM layer",
        program="RMSNorm, Mamba-1 of 2 d channels, convolution of width 4, step rank d / 16 rounded up; biases on the "
        "convolution and the step projection alone",
        source="MambaBlock of transformers, with the program's sizes",
        ours=lambda: f"{_ssm_sizes()}; biases on {' and '.join(_biases_of_mamba())}",
        agrees=lambda: (
            _ssm_sizes() == "16 channels of 8, convolution 4, rank 1 (2 of 24)"
            and _biases_of_mamba() == ["conv1d.bias", "dt_proj.bias"]
        ),
    ),
    Fact(
        what="a TF layer",
        program="GPT-NeoX, attention and MLP side by side, each behind its LayerNorm; one head, biases, a quarter "
        "turned (base 10,000); MLP of 2 d units, SiLU",
        source="GPTNeoXLayer of transformers, with the program's sizes",
        ours=lambda: f"{'side by side' if _parallel() else 'otherwise'}, {_tf_sizes()}",
        agrees=lambda: _parallel() and _tf_sizes() == "1 head, 0.25 turned, base 10,000",
    ),
)
