"""A wrong answer is shrunk to a short one, and closest calls are where they are said to be."""

import copy

import pytest
import torch
from torch import Tensor

from plait.constructions import selective_copying
from plait.model import HybridConfig, HybridLM
from plait.tasks import SelectiveCopying
from plait.verify import Checks, verify
from plait.verify.inputs import labels, shortest
from plait.verify.reading import ParallelReader

TASK = SelectiveCopying(n_words=26, numbers=(5, 6, 7, 8, 9))


def with_window(model: HybridLM, window: int) -> HybridLM:
    narrow = HybridLM(HybridConfig.from_json(model.config.to_json() | {"window": window}), seed=None)
    narrow.load_state_dict(model.state_dict())
    return narrow.eval()


def test_a_window_one_too_short_shrinks_to_the_number_and_what_it_cannot_see():
    model = with_window(selective_copying(TASK, 100), 9)
    found = verify(model, TASK, Checks(seq_len=100, samples=1000)).verified[0]
    wrong = found.counterexample
    assert wrong is not None
    assert not found.passed
    assert len(wrong.tokens) == 10
    tokens = torch.tensor([wrong.tokens])
    targets = TASK.targets(tokens)
    assert wrong.expected == int(targets.tokens[0, -1]) == wrong.tokens[0]
    assert wrong.got == int(model(tokens)[0, -1].argmax()) != wrong.expected
    assert wrong.gap < 0.0
    assert set(wrong.tokens[1:]) <= {0, 1, *range(26, 31)}


@pytest.mark.parametrize("length", [1, 3, 40])
def test_the_search_finds_what_is_shortest_or_cannot_be_cut(length: int):
    """Wrong wherever two tokens of value 5 stand before the last one; from 40 tokens of noise."""

    def is_wrong(tokens: Tensor) -> Tensor:
        return (tokens[:, :-1] == 5).sum(1) >= 2

    noise = torch.randint(6, 30, (40,), generator=torch.Generator().manual_seed(0)).tolist()
    noise[7] = noise[22] = noise[33] = 5
    assert shortest(noise, is_wrong, n_tokens=10**9 if length == 40 else 30) == (5, 5, 0)


def test_an_untrained_model_fails_at_once():
    task = SelectiveCopying(n_words=4, numbers=(1, 2))
    model = HybridLM(HybridConfig(task.vocab_size, d_model=4), seed=0)
    found = verify(model, task, Checks(seq_len=30, samples=500, adversarial=True)).verified[0]
    assert found.counterexample is not None
    assert len(found.counterexample.tokens) == 2


def test_weights_that_are_not_finite_are_wrong_everywhere():
    model = copy.deepcopy(selective_copying(TASK, 100))
    with torch.no_grad():
        model.embedding.weight[30] = torch.nan
    found = verify(model, TASK, Checks(seq_len=50, samples=2000)).verified[0]
    assert found.total.right == 0
    assert found.total.wrong > 0


def test_closest_calls_are_read_from_the_parallel_pass_where_they_are_said_to_be():
    model = selective_copying(TASK, 100)
    found = verify(model, TASK, Checks(seq_len=60, samples=20_000, adversarial=True))
    for tally in found.verified[0].tallies.values():
        assert tally.gap is not None
        assert tally.margin is not None
        for extreme, name in ((tally.gap, "gaps"), (tally.margin, "margins")):
            tokens = torch.tensor([extreme.tokens])
            known = labels(TASK, tokens, window=None)
            reading = ParallelReader(model).read(tokens, known.targets, known.sources)
            # Found in a batch, read alone here: sums may be taken in another order.
            assert float(getattr(reading, name)[0, -1]) == pytest.approx(extreme.value, rel=1e-5)
    assert found.verified[0].parallel.wrong == 0
    assert found.verified[0].difference < 1e-4
