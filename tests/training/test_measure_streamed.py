"""Evaluation with a carried state: the counts of the ordinary one, in memory that does not grow."""

import pytest
import torch

from pieces import logits_in_pieces
from plait import HybridConfig
from plait.constructions import selective_copying
from plait.kernels.mamba import wide as chunk
from plait.model import HybridLM
from plait.model.chunked import ChunkedModel
from plait.random import Stream
from plait.tasks import SelectiveCopying
from plait.tasks.packed import Packed
from plait.training.measure import measure, tokens_together

TASK = SelectiveCopying()


def drawn(pattern: str, window: int | None = 20, **fields) -> HybridLM:
    config = HybridConfig(TASK.vocab_size, pattern=pattern, window=window, **{"d_model": 8, **fields})
    return HybridLM(config, seed=1)


MODELS = {
    "compiled": lambda: drawn("SSM-TF"),
    "all right": lambda: selective_copying(TASK, seq_len=100),
    "wide": lambda: drawn("SSM-TF-SSM", d_model=128, n_heads=4),
    "wide and biased": lambda: drawn("TF-SSM", window=5, d_model=128, n_heads=4, positions="hard-alibi"),
    "in parallel": lambda: drawn("(SSM|TF)-TF"),
    "step by step": lambda: drawn("GDN-TF"),
    "biased": lambda: drawn("SSM-TF", positions="alibi"),
}


@pytest.mark.parametrize("seq_len", [10, 16, 45])
@pytest.mark.parametrize("name", MODELS)
def test_the_counts_are_those_of_whole_sequences(monkeypatch, name, seq_len):
    monkeypatch.setattr(
        "plait.training.measure.SEQUENCES_TOGETHER", 16
    )  # so that states are carried between parts
    model = MODELS[name]()
    sequences = 3 if name.startswith("wide") else 70
    whole = measure(model, TASK, sequences=sequences, seq_len=seq_len)
    found = measure(model, TASK, sequences=sequences, seq_len=seq_len, streamed=True)
    assert (found.correct, found.scored) == (whole.correct, whole.scored)
    assert whole.state_bytes is None
    if name == "all right":
        assert found.correct == found.scored


@pytest.mark.parametrize("pieces", [(7, 1, 22), (30,)])
@pytest.mark.parametrize("odd", ["paired", "released"])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_model_in_chunks_gives_the_logits_of_the_whole(pieces, odd, compiled, monkeypatch):
    model = drawn("SSM-TF-SSM-TF", window=6, n_heads=2, rotary_odd=odd).double()
    for parameter in model.parameters():
        parameter.data.mul_(2.0)
    tokens = TASK.sample(Stream(4), batch=3, seq_len=30)
    if not compiled:
        monkeypatch.setattr(chunk.call, "usable", lambda *tensors: False)
    torch.testing.assert_close(logits_in_pieces(model, tokens, pieces), model(tokens), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("window", "sequences", "together"),
    [
        (20, 1, 1024),
        (20, 64, 256 - 19),
        (20, 0, 1024),
        (241, 64, 16),
        (242, 64, 0),
        (2048, 64, 0),
        (2048, 1, 1024),
    ],
)
def test_calls_on_a_gpu_count_what_is_read_again(window, sequences, together):
    model = ChunkedModel(drawn("SSM-TF", window=window))
    assert tokens_together(model, sequences, on_gpu=True) == together
    assert tokens_together(model, sequences, on_gpu=False) == 1024
    assert tokens_together(ChunkedModel(drawn("SSM", window=window)), 64, on_gpu=True) == 256


@pytest.mark.parametrize(
    ("name", "lengths"), [("wide", (200, 3_000)), ("compiled", (100, 20_000)), ("step by step", (30, 150))]
)
def test_the_state_does_not_grow(name, lengths):
    model = MODELS[name]()
    short, long = (measure(model, TASK, sequences=2, seq_len=n, streamed=True) for n in lengths)
    assert 0 < short.state_bytes == long.state_bytes


def test_labels_that_a_sampler_gives():
    task = Packed(task=TASK, lengths=(10, 15))
    model = HybridLM(HybridConfig(task.vocab_size, pattern="SSM-TF", d_model=8, window=20), seed=1)
    whole, found = (measure(model, task, sequences=9, seq_len=60, streamed=how) for how in (False, True))
    assert (found.correct, found.scored) == (whole.correct, whole.scored)


@pytest.mark.parametrize(("pattern", "place"), [("SSM-TF", "layer 2 (TF)"), ("(SSM|TF)-SSM", "layer 1")])
def test_an_open_window_is_refused(pattern, place):
    with pytest.raises(ValueError, match="needs a window") as error:
        measure(drawn(pattern, window=None), TASK, sequences=1, streamed=True)
    assert place in str(error.value)
