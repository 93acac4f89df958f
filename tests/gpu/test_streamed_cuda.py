"""Evaluation with a carried state on a GPU: many tokens a call, the counts of whole sequences."""

import pytest
import torch

from pieces import logits_in_pieces
from plait import HybridConfig
from plait.model import HybridLM
from plait.random import Stream
from plait.tasks import SelectiveCopying
from plait.training.measure import StreamedAnswers, measure

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

TASK = SelectiveCopying()


def drawn(pattern: str, **fields) -> HybridLM:
    config = HybridConfig(TASK.vocab_size, pattern=pattern, **{"d_model": 64, "window": 20, **fields})
    return HybridLM(config, seed=1).cuda()


@pytest.mark.parametrize("positions", ["rope", "hard-alibi"])
@pytest.mark.parametrize("pieces", [(700, 1, 399), (1100,)])
def test_logits_are_those_of_the_whole(pieces, positions):
    model = drawn("SSM-TF-SSM", positions=positions).double()
    tokens = TASK.sample(Stream(4), batch=3, seq_len=1100).cuda()
    torch.testing.assert_close(logits_in_pieces(model, tokens, pieces), model(tokens), rtol=1e-9, atol=1e-9)


def test_counts_are_those_of_whole_sequences(monkeypatch):
    monkeypatch.setattr("plait.training.measure._TOGETHER_ON_GPU", 4096)
    model = drawn("SSM-TF")
    whole = measure(model, TASK, sequences=70, seq_len=300)
    found = measure(model, TASK, sequences=70, seq_len=300, streamed=True)
    assert found.scored == whole.scored
    assert abs(found.correct - whole.correct) <= 2, "rounding may turn a tie"
    assert found.state_bytes > 0


def test_many_tokens_go_through_a_call():
    reader = StreamedAnswers(drawn("SSM-TF"))
    tokens = TASK.sample(Stream(5), batch=2, seq_len=1500).cuda()
    assert [part.shape[1] for part in reader.read(tokens)] == [1024, 476]
