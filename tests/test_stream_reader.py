"""StreamReader: tokens one by one or together, the same answers."""

import io
from typing import Any

import pytest
import torch

from plait.cli.stream import Marker, SequenceReading, answer_words, answered
from plait.constructions import selective_copying
from plait.model import HybridConfig, HybridLM
from plait.model.compiled import TOKENS_TOGETHER, StreamReader
from plait.random import Stream
from plait.tasks import SelectiveCopying

TASK = SelectiveCopying(n_words=6, numbers=(2, 3, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_together_one_by_one_and_in_the_parallel_pass(dtype: torch.dtype):
    model = HybridLM(HybridConfig(TASK.vocab_size, d_model=6, window=4), seed=1).to(dtype)
    tokens = TASK.sample(Stream(2), batch=1, seq_len=90)[0]
    with torch.no_grad():
        logits = model(tokens[None])[0].double()
    together, alone = StreamReader(model), StreamReader(model)
    found = together.read_all(tokens[:50].tolist()) + together.read_all(tokens[50:].tolist())
    single = [alone.read(token) for token in tokens.tolist()]
    assert [answer.token for answer in found] == [answer.token for answer in single]
    best = logits.topk(2).values
    gaps = (best[:, 0] - best[:, 1]).tolist()
    assert [answer.gap for answer in found] == pytest.approx(
        gaps, abs=0.02 if dtype == torch.bfloat16 else 1e-5
    )
    if dtype != torch.bfloat16:
        assert [answer.gap for answer in found] == [answer.gap for answer in single]
        assert [answer.token for answer in found] == logits.argmax(-1).tolist()


def test_more_tokens_than_go_together():
    model = selective_copying(TASK, 100)
    tokens = TASK.sample(Stream(0), batch=1, seq_len=3 * TOKENS_TOGETHER + 7)[0]
    answers = [answer.token for answer in StreamReader(model).read_all(tokens.tolist())]
    targets, scored = TASK.targets(tokens)
    assert torch.equal(torch.tensor(answers)[scored], targets[scored])


def test_a_restart_forgets_and_a_bad_token_is_not_read():
    reader = StreamReader(selective_copying(TASK, 100))
    first = reader.read_all([6, 0, 1, 2])
    reader.restart()
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 12\), got 12"):
        reader.read_all([1, 2, 12])
    assert reader.read_all([6, 0, 1, 2]) == first


def test_answers_before_a_bad_word_are_given():
    reader = StreamReader(selective_copying(TASK, 100))
    reading = SequenceReading(reader, names=TASK.token_names, scores=None, built_for=None)
    source: Any = io.BufferedReader(io.BytesIO(b"a 2' b\nc oh d"))  # type: ignore[arg-type]
    given: list[Any] = []

    def take() -> None:
        for entry in answered(reading, answer_words(source)):
            given.append(entry)

    with pytest.raises(ValueError, match="unknown token 'oh'"):
        take()
    assert [entry[0] for entry in given if not isinstance(entry, Marker)] == ["a", "2'", "b", "c"]
