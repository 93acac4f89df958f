"""A hybrid whose layers are unmodified blocks of `transformers`: MambaBlock, GPTNeoXLayer, those of `export.mixers`.

The blocks take the weights as they are, name by name. Around them stands what their own models would do: embedding,
rotary angles, the mask of the sliding window, final LayerNorm, unembedding.

Trained stacks that one class of `transformers` carries as a whole, to the last weight.

plait's models end in a LayerNorm with a bias. Of the classes that stack its layers, GPTNeoXForCausalLM alone ends so:
it carries TF layers with open windows. MambaForCausalLM, Mamba2ForCausalLM, BambaForCausalLM and those of the hybrids
end in an RMSNorm, which subtracts no mean and adds no bias.
"""

import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.export.mixers import TAKERS, mixer_block
from plait.layers import LayerSpec
from plait.layers.spec import is_side_by_side
from plait.model import HybridLM

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, MambaConfig


def need_transformers() -> None:
    """Raises:
    ValueError: the package `transformers` is not installed.
    """
    if importlib.util.find_spec("transformers") is None:
        raise ValueError("this needs Hugging Face transformers: pip install 'plait[hf]'")


def check_blocks(names: Iterable[str]) -> None:
    """Raises:
    ValueError: a layer whose weights no class of transformers takes as they are.
    """
    for name in names:
        if is_side_by_side(name):
            raise ValueError(
                f"transformers has blocks for layers one after the other, none that adds up the sides of {name}"
            )
        if name not in ("SSM", "TF", *TAKERS):
            raise ValueError(
                f"transformers has blocks for SSM and TF layers and for {', '.join(TAKERS)}, got {name!r}"
            )


def mamba_arguments(spec: LayerSpec) -> dict[str, Any]:
    """Of `MambaConfig`, for a MambaBlock of this layer's dimensions; `intermediate_size` is to be set afterwards.

    The constructor takes multiples of hidden_size alone for it; the block takes any.
    """
    return {
        "hidden_size": spec.d_model,
        "state_size": spec.d_state,
        "conv_kernel": spec.d_conv,
        "time_step_rank": spec.dt_rank,
        "layer_norm_epsilon": spec.norm_eps,
        "num_hidden_layers": 1,
        "residual_in_fp32": False,
        "use_mambapy": False,
    }


def gpt_neox_arguments(spec: LayerSpec) -> dict[str, Any]:
    """Of `GPTNeoXConfig`, for a GPTNeoXLayer of this layer's dimensions; its window is a mask, not an argument.

    Raises:
        ValueError: positions that a GPTNeoXLayer does not have.
    """
    if spec.biased:
        raise ValueError(f"a GPTNeoXLayer has rotary positions or none, not {spec.positions}")
    return {
        "hidden_size": spec.d_model,
        "num_attention_heads": spec.n_heads,
        "num_hidden_layers": 1,
        "intermediate_size": spec.d_mlp,
        "hidden_act": "silu",
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": spec.rotary_base,
            "partial_rotary_factor": spec.rotary_fraction if spec.positions == "rope" else 0.0,
        },
        "layer_norm_eps": spec.norm_eps,
    }


def mamba_config(spec: LayerSpec) -> "MambaConfig":
    """What a MambaBlock is made from."""
    from transformers import MambaConfig

    config = MambaConfig(**mamba_arguments(spec))
    config.intermediate_size = spec.d_inner
    return config


def gpt_neox_config(spec: LayerSpec, *, attention: str = "eager") -> "GPTNeoXConfig":
    """What a GPTNeoXLayer is made from; `attention` is one of its own ways, "eager" or "sdpa"."""
    from transformers import GPTNeoXConfig

    config = GPTNeoXConfig(**gpt_neox_arguments(spec))
    config._attn_implementation = attention  # pyright: ignore[reportPrivateUsage]
    return config


class BlockStack(nn.Module):
    """The model's weights in unmodified blocks.

    Args:
        model: of SSM and TF layers, and mixers of `TAKERS`.
        attention: "eager" or "sdpa", the blocks' own two ways.

    Raises:
        ValueError: other layers, or no transformers.
    """

    def __init__(self, model: HybridLM, *, attention: str = "eager") -> None:
        super().__init__()
        need_transformers()
        config, dtype = model.config, model.embedding.weight.dtype
        n_tokens, d_model = model.embedding.weight.shape
        self.embedding = nn.Embedding(n_tokens, d_model, dtype=dtype)
        self.final_norm = nn.LayerNorm(config.d_model, eps=config.norm_eps, dtype=dtype)
        self.layers = nn.ModuleList(
            _block(name, spec, attention).to(dtype)
            for name, spec in zip(config.layers, config.layer_specs(), strict=True)
        )
        self.windows = tuple(spec.window for spec in config.layer_specs())
        turning = [
            _rotary(spec) if name == "TF" else None
            for name, spec in zip(config.layers, config.layer_specs(), strict=True)
        ]
        self._rotary = turning
        self.load_state_dict(model.state_dict(), strict=True)
        self.eval()

    @torch.no_grad()
    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocab"]:
        """Logits at every position."""
        hidden = self.embedding(tokens)
        places = torch.arange(tokens.shape[1])[None]
        for layer, rotary, window in zip(self.layers, self._rotary, self.windows, strict=True):
            if rotary is None:
                hidden = layer(hidden)
            else:
                mask = sliding_mask(tokens.shape[1], window, hidden.dtype)
                hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary(hidden, places))
        return F.linear(self.final_norm(hidden), self.embedding.weight)


def sliding_mask(time: int, window: int | None, dtype: torch.dtype) -> Float[Tensor, "batch heads time time"]:
    """0 where a query sees a key, the type's least number elsewhere."""
    distance = torch.arange(time).unsqueeze(1) - torch.arange(time)
    hidden = (distance < 0) | (distance >= (time if window is None else window))
    return torch.zeros(1, 1, time, time, dtype=dtype).masked_fill(hidden, torch.finfo(dtype).min)


def _block(name: str, spec: LayerSpec, attention: str) -> nn.Module:
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer
    from transformers.models.mamba.modeling_mamba import MambaBlock

    if name == "SSM":
        return MambaBlock(mamba_config(spec), layer_idx=0)
    if name == "TF":
        return GPTNeoXLayer(gpt_neox_config(spec, attention=attention), 0)
    check_blocks((name,))
    return mixer_block(name, spec)


def _rotary(spec: LayerSpec) -> Any:
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding

    return GPTNeoXRotaryEmbedding(gpt_neox_config(spec))


_TOLERANCE = 1e-5
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
        ValueError: its logits are off by more than `_TOLERANCE`.
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
    if not gap <= _TOLERANCE and dtype in (torch.float32, torch.float64):
        raise ValueError(
            f"GPTNeoXForCausalLM answers otherwise than the model, by {gap:.1e} of its largest logit"
        )
    return whole
