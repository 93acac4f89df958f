"""The same weights in unmodified blocks of `transformers`: MambaBlock and GPTNeoXLayer solve the tasks as well."""

import pytest
import torch
import torch.nn.functional as F
from construction_cases import COPYING, RECALL, every_sequence, sampled
from torch import Tensor, nn

from plait.constructions import Plan, layouts, logit_gaps
from plait.model import HybridConfig, HybridLM
from plait.tasks import DecodingRecall, SelectiveCopying

pytest.importorskip("transformers")

from transformers import GPTNeoXConfig, MambaConfig
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXLayer, GPTNeoXRotaryEmbedding
from transformers.models.mamba.modeling_mamba import MambaBlock


class Theirs(nn.Module):
    """A stack of their blocks between the embedding and the tied unembedding."""

    def __init__(self, model: HybridLM) -> None:
        super().__init__()
        config = model.config
        self.embedding = model.embedding.weight
        self.final_norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.final_norm.load_state_dict(model.final_norm.state_dict())
        self.windows = [spec.window for spec in config.layer_specs()]
        self.rotary = GPTNeoXRotaryEmbedding(neox(config, 0))
        self.blocks = nn.ModuleList()
        for index, (name, layer) in enumerate(zip(config.layers, model.layers, strict=True)):
            block = MambaBlock(mamba(config), 0) if name == "SSM" else GPTNeoXLayer(neox(config, index), 0)
            block.load_state_dict(layer.state_dict(), strict=True)
            self.blocks.append(block)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embedding[tokens]
        time = tokens.shape[-1]
        distance = torch.arange(time)[:, None] - torch.arange(time)
        angles = self.rotary(hidden, torch.arange(time)[None])
        for block, window in zip(self.blocks, self.windows, strict=True):
            if isinstance(block, MambaBlock):
                hidden = block(hidden)
            else:
                hid = (distance < 0) | (distance >= (window or time))
                mask = torch.zeros(time, time).masked_fill(hid, torch.finfo(hidden.dtype).min)
                hidden = block(hidden, attention_mask=mask[None, None], position_embeddings=angles)
        return F.linear(self.final_norm(hidden), self.embedding)


def mamba(config: HybridConfig) -> MambaConfig:
    spec = config.layer_specs()[0]
    theirs = MambaConfig(
        hidden_size=spec.d_model,
        state_size=spec.d_state,
        conv_kernel=spec.d_conv,
        time_step_rank=spec.dt_rank,
        num_hidden_layers=1,
        layer_norm_epsilon=spec.norm_eps,
        use_mambapy=False,
    )
    theirs.intermediate_size = spec.d_inner
    return theirs


def neox(config: HybridConfig, index: int) -> GPTNeoXConfig:
    spec = config.layer_specs()[index]
    theirs = GPTNeoXConfig(
        hidden_size=spec.d_model,
        num_attention_heads=1,
        num_hidden_layers=1,
        intermediate_size=spec.d_mlp,
        hidden_act="silu",
        layer_norm_eps=spec.norm_eps,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": spec.rotary_base,
            "partial_rotary_factor": spec.rotary_fraction,
        },
    )
    theirs._attn_implementation = "eager"
    return theirs


@torch.no_grad()
def check(plan: Plan, tokens: Tensor) -> None:
    model = plan.build()
    targets = plan.task.targets(tokens)
    gaps = logit_gaps(Theirs(model).eval()(tokens), targets.tokens)[targets.scored]
    assert gaps.numel() > 0
    assert float(gaps.min()) > 0.0, plan.name


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("task", [COPYING, RECALL, DecodingRecall(n_bits=2)], ids=str)
def test_sampled_in_their_blocks(task: SelectiveCopying | DecodingRecall) -> None:
    for plan in layouts(task, 100, success=1.0)[:4]:
        if plan.carried():
            check(plan, sampled(task, batch=16))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_every_sequence_in_their_blocks() -> None:
    task = SelectiveCopying(n_words=2, numbers=(1, 2))
    for plan in layouts(task, 4)[:3]:
        check(plan, every_sequence(4, 4))
