"""Both layers equal the unmodified blocks of `transformers` in float32: outputs and every gradient.

Their scan, softmax and rotary angles are float32 whatever the type, so float64 has its own test (the oracle).
Tolerance: 2e-5 of the largest entry, for outputs and for every gradient.
"""

from collections.abc import Callable
from typing import Any

import layer_cases
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers")

from transformers import GPTNeoXConfig, MambaConfig
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer, GPTNeoXRotaryEmbedding
from transformers.models.mamba.modeling_mamba import MambaBlock

TOLERANCE = 2e-5
SEQ_LEN = 40


class GPTNeoXBlock(nn.Module):
    """A GPTNeoXLayer called with the rotary angles and the additive mask that its model would give it."""

    def __init__(self, layer: nn.Module, config: GPTNeoXConfig, window: int | None) -> None:
        super().__init__()
        self.layer, self.rotary, self.window = layer, GPTNeoXRotaryEmbedding(config), window

    def forward(self, hidden: Tensor) -> Tensor:
        time = hidden.shape[1]
        mask = torch.full((time, time), torch.finfo(hidden.dtype).min)
        for query in range(time):
            first = 0 if self.window is None else max(0, query - self.window + 1)
            mask[query, first : query + 1] = 0.0
        angles = self.rotary(hidden, torch.arange(time)[None])
        return self.layer(hidden, attention_mask=mask[None, None], position_embeddings=angles)


def their_transformer(
    *, d_model: int, window: int | None, n_heads: int, rotary_fraction: float, d_mlp: int
) -> GPTNeoXBlock:
    config = GPTNeoXConfig(
        hidden_size=d_model,
        num_attention_heads=n_heads,
        num_hidden_layers=1,
        intermediate_size=d_mlp,
        hidden_act="silu",
        rotary_pct=rotary_fraction,
    )
    config._attn_implementation = "eager"
    return GPTNeoXBlock(GPTNeoXLayer(config, 0), config, window)


def their_mamba(*, d_model: int, d_state: int, d_conv: int) -> nn.Module:
    config = MambaConfig(
        hidden_size=d_model, state_size=d_state, conv_kernel=d_conv, num_hidden_layers=1, use_mambapy=False
    )
    return MambaBlock(config, layer_idx=0)


def close(ours: Tensor | None, theirs: Tensor | None, what: str) -> None:
    assert ours is not None, what
    assert theirs is not None, what
    scale = max(theirs.abs().max().item(), 1e-3) if theirs.numel() else 1.0
    torch.testing.assert_close(
        ours, theirs, rtol=0.0, atol=TOLERANCE * scale, msg=lambda text: f"{what}: {text}"
    )


def compare(ours: nn.Module, their_block: nn.Module, theirs: nn.Module, d_model: int) -> None:
    """Equal outputs, equal gradients of the input and of every weight, by a loss that weights all outputs.

    Once as the layer runs by itself (a compiled kernel where there is one), once in plain operations.
    """
    for path in ("forward", "reference_forward"):
        ours.zero_grad()
        their_block.zero_grad()
        compare_path(getattr(ours, path), ours, their_block, theirs, d_model)


def compare_path(
    our_forward: Callable[[Tensor], Tensor],
    ours: nn.Module,
    their_block: nn.Module,
    theirs: nn.Module,
    d_model: int,
) -> None:
    first = layer_cases.inputs(2, SEQ_LEN, d_model, dtype=torch.float32).requires_grad_()
    second = first.detach().clone().requires_grad_()
    direction = layer_cases.inputs(2, SEQ_LEN, d_model, dtype=torch.float32, seed=2)
    output, expected = our_forward(first), theirs(second)
    close(output, expected, "output")
    (output * direction).sum().backward()
    (expected * direction).sum().backward()
    close(first.grad, second.grad, "gradient of the input")
    their_gradients = {name: parameter.grad for name, parameter in their_block.named_parameters()}
    assert their_gradients.keys() == dict(ours.named_parameters()).keys()
    for name, parameter in ours.named_parameters():
        close(parameter.grad, their_gradients[name], f"gradient of {name}")


MAMBA_CASES = [
    {"d_model": d_model, "d_state": d_state, "d_conv": d_conv}
    for d_model, d_state, d_conv in ((4, 16, 4), (8, 16, 4), (12, 1, 2), (24, 16, 4), (8, 5, 1))
]
TRANSFORMER_CASES = [
    {"d_model": d_model, "window": window, "n_heads": n_heads, "rotary_fraction": fraction, "d_mlp": d_mlp}
    for d_model, window, n_heads, fraction, d_mlp in (
        (4, None, 1, 0.25, 8),
        (8, 20, 1, 0.25, 16),
        (12, 1, 2, 0.5, 7),
        (12, 6, 1, 0.25, 24),
        (12, 6, 4, 1 / 3, 24),
        (24, 20, 1, 0.25, 48),
        (24, 5, 3, 0.7, 48),
        (8, 4, 1, 0.0, 16),
    )
]


@pytest.mark.parametrize("case", MAMBA_CASES)
def test_mamba_block(case: dict[str, Any]):
    ours, theirs = layer_cases.mamba(torch.float32, **case), their_mamba(**case)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    compare(ours, theirs, theirs, case["d_model"])


@pytest.mark.parametrize("case", TRANSFORMER_CASES)
def test_gpt_neox_layer(case: dict[str, Any]):
    ours, theirs = layer_cases.transformer(torch.float32, **case), their_transformer(**case)
    theirs.layer.load_state_dict(ours.state_dict(), strict=True)
    compare(ours, theirs.layer, theirs, case["d_model"])


def test_weights_copied_from_their_blocks():
    mamba, transformer = their_mamba(**MAMBA_CASES[1]), their_transformer(**TRANSFORMER_CASES[1])
    for seed, block in enumerate((mamba, transformer.layer)):
        layer_cases.fill(block, seed)
    our_mamba = layer_cases.mamba(torch.float32, seed=5, **MAMBA_CASES[1])
    our_transformer = layer_cases.transformer(torch.float32, seed=5, **TRANSFORMER_CASES[1])
    our_mamba.load_state_dict(mamba.state_dict(), strict=True)
    our_transformer.load_state_dict(transformer.layer.state_dict(), strict=True)
    compare(our_mamba, mamba, mamba, 8)
    compare(our_transformer, transformer.layer, transformer, 8)


@pytest.mark.parametrize("d_head", [5, 9, 12, 13, 20, 27])
def test_an_odd_number_of_rotary_dimensions_turns_one_more(d_head: int):
    """int(0.25 * d_head) is odd at 5, 12, 13, 20 and even at 9, 27 (2, 6)."""
    case = {"d_model": d_head, "window": None, "n_heads": 1, "rotary_fraction": 0.25, "d_mlp": 3}
    ours, theirs = layer_cases.transformer(torch.float32, **case), their_transformer(**case)
    theirs.layer.load_state_dict(ours.state_dict(), strict=True)
    compare(ours, theirs.layer, theirs, d_head)
