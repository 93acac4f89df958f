"""The writers say a third construction in a few lines: associative recall, the follower of the latest own word."""

import torch
from construction_cases import judge

from plait.constructions.codes import DigitCode
from plait.constructions.mamba_writer import MambaWriter
from plait.constructions.residual import QUIET, Residual, assemble
from plait.constructions.rotary import Recency
from plait.constructions.transformer_writer import TransformerWriter
from plait.model import HybridConfig, HybridLM
from plait.random import TEST, Stream
from plait.tasks import AssociativeRecall


def associative_recall(task: AssociativeRecall, seq_len: int) -> HybridLM:
    """Mamba's convolution writes the word before beside each word; attention finds the latest equal to its own."""
    code, recency = DigitCode(n_points=task.n_words, base=2), Recency(window=seq_len, miss=0.01)
    residual = Residual(subspaces=(("code", code.width), ("previous", code.width)), amplitude=QUIET)
    config = HybridConfig(
        task.vocab_size,
        d_model=residual.d_model,
        window=seq_len,
        d_state=1,
        d_inner=2 * code.width,
        dt_rank=1,
        d_conv=2,
        rotary_fraction=recency.turns.fraction(residual.d_model),
        rotary_base=recency.turns.base,
        d_mlp=0,
    )
    mamba = MambaWriter(residual, factor=residual.rms_factor(0.0, eps=config.norm_eps), d_conv=2)
    for row, into in zip(residual.rows("code"), residual.rows("previous"), strict=True):
        for channel, direction in zip(mamba.pair(row, lag=1), (into, -into), strict=True):
            mamba.skip(channel, 1.0)
            mamba.write(channel, direction)
    block = TransformerWriter(
        residual, factor=residual.layer_factor(0.0, eps=config.norm_eps), n_pairs=recency.turns.n_pairs
    )
    block.match(residual.rows("code"), residual.rows("previous"), sharpness=recency.content_lead / 2)
    block.prefer_recent(pair=recency.turns.used[0], sharpness=recency.sharpness)
    block.copy(residual.rows("code"), into=residual.rows("code"), gain=64.0)
    weights = assemble(
        residual.embed({"code": code.points()}),
        (mamba.tensors(), block.tensors()),
        vocab_size=task.vocab_size,
        final_gain=1.0,
    )
    model = HybridLM(config, seed=None, dtype=torch.float64)
    model.load_state_dict(weights)
    return model.eval()


def test_a_third_task() -> None:
    task = AssociativeRecall(n_words=8)
    tokens = task.sample(Stream(0, 0, TEST), batch=200, seq_len=50)
    verdict = judge(associative_recall(task, 50), task, tokens)  # type: ignore[arg-type]
    assert verdict.scored > 8000
    assert verdict.wrong == 0
