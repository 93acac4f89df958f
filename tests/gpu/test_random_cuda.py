"""The same bits, weights, tokens and targets on the GPU as on the CPU, compiled or not."""

import pytest
import torch

from plait.native import library
from plait.random import TEST, Stream
from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    sample_labelled,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SEEDS = (0, 1, 77, 2**32, 2**62 + 5)

EVERY_TASK = (
    *(SelectiveCopying(variant=variant) for variant in ("uniform", "adversarial", "repetitive")),
    SelectiveCopying(n_words=1000, numbers=(64, 1, 7)),
    *(DecodingRecall(variant=variant) for variant in ("interleaved", "last")),
    DecodingRecall(n_bits=2, p_bit=0.8),
    AssociativeRecall(),
    *(MultiKeyRecall(key_length=length) for length in (1, 2, 3, 20, 30)),
    *(Needle(score_marker=early) for early in (False, True)),
    *(
        MQAR(keep=keep, variant=variant)
        for keep in ("latest", "first")
        for variant in ("distinct", "repeated")
    ),
    *(
        task()
        for task in TASKS.values()
        if task not in (SelectiveCopying, DecodingRecall, AssociativeRecall, MultiKeyRecall, Needle, MQAR)
    ),
)


@pytest.fixture(params=["compiled", "tensor operations"])
def cpu_path(request, monkeypatch):
    if request.param == "compiled" and not library.available():
        pytest.skip("no compiled library here")
    if request.param == "tensor operations":
        monkeypatch.setattr(library, "load_library", lambda: None)


def streams(step):
    seeds = torch.tensor(SEEDS)
    return Stream(seeds, step, TEST), Stream(seeds.cuda(), step, TEST)


@pytest.mark.usefixtures("cpu_path")
class TestSameOnBothDevices:
    @pytest.mark.parametrize("step", [0, 4000, 2**32 - 1])
    def test_draws(self, step):
        cpu, gpu = streams(step)
        for draw in (
            lambda stream: stream.bits((7, 3), draw=2),
            lambda stream: stream.uniform((1001,)),
            lambda stream: stream.bernoulli(0.2, (1001,)),
            lambda stream: stream.integers(31, (1001,)),
            lambda stream: stream.normal((1000, 37), draw=1),
        ):
            found = draw(gpu)
            assert found.device.type == "cuda"
            assert torch.equal(found.cpu(), draw(cpu))

    @pytest.mark.parametrize("task", EVERY_TASK, ids=repr)
    @pytest.mark.parametrize(("batch", "seq_len"), [(8, 100), (3, 65), (1, 257)])
    def test_tokens_and_targets(self, task, batch, seq_len):
        cpu, gpu = streams(seq_len)
        tokens, targets = sample_labelled(task, cpu, batch=batch, seq_len=seq_len)
        found, labels = sample_labelled(task, gpu, batch=batch, seq_len=seq_len)
        assert found.device.type == labels.tokens.device.type == labels.scored.device.type == "cuda"
        assert torch.equal(found.cpu(), tokens)
        assert torch.equal(labels.tokens.cpu(), targets.tokens)
        assert torch.equal(labels.scored.cpu(), targets.scored)

    @pytest.mark.parametrize("task", EVERY_TASK, ids=repr)
    def test_targets_of_any_tokens(self, task):
        tokens = Stream(9).integers(task.ordinary_tokens, (4, 50, 90)).to(torch.int32)
        expected, found = task.targets(tokens), task.targets(tokens.cuda())
        assert torch.equal(found.tokens.cpu(), expected.tokens)
        assert torch.equal(found.scored.cpu(), expected.scored)
        if task.composition is not None and not (isinstance(task, MultiKeyRecall) and task.key_length > 20):
            for here, there in zip(task.control(tokens), task.control(tokens.cuda()), strict=True):
                assert torch.equal(there.cpu(), here)


@pytest.mark.parametrize("task", EVERY_TASK, ids=repr)
def test_bad_tokens_are_refused_on_the_gpu_too(task):
    tokens = torch.zeros(2, 5, dtype=torch.int64, device="cuda")
    tokens[1, 4] = task.ordinary_tokens
    with pytest.raises(ValueError, match=f"got {task.ordinary_tokens}"):
        task.targets(tokens)
