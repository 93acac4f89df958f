from dataclasses import replace

import pytest
import torch
from torch import nn

from plait import HybridConfig
from plait.layers import State
from plait.tasks import Needle, SelectiveCopying, Targets
from plait.training import Run, Train, train
from plait.training.preflight import check_run, check_runs


class Doubling(nn.Module):
    """Twice the hidden state."""

    members_axis = False

    def __init__(self, spec):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(spec.d_model))

    def forward(self, hidden):
        return self.weight * hidden

    def init_state(self, batch, *, dtype, device) -> State:
        return {}

    def step(self, hidden, state):
        return self.weight * hidden, state

    def state_size(self, seq_len):
        return {}

    @torch.no_grad()
    def reset_parameters(self, stream):
        self.weight.fill_(2.0)


class Unbuilt(Doubling):
    def __init__(self, spec):
        raise KeyError("no weights")


class Failing(Doubling):
    def forward(self, hidden):
        return hidden @ torch.zeros(3, 3)


class Shortening(Doubling):
    def forward(self, hidden):
        return hidden[:, 1:]


class OwnTask:
    vocab_size = 2
    token_names = ("x", "y")

    def sample(self, stream, batch=8, seq_len=100):
        return stream.integers(2, (batch, seq_len))

    def targets(self, tokens):
        return Targets(tokens, torch.ones_like(tokens, dtype=torch.bool))


class Dropping(OwnTask):
    """Forgets the members axis."""

    def sample(self, stream, batch=8, seq_len=100):
        return torch.zeros(batch, seq_len, dtype=torch.int64)


class Raising(OwnTask):
    def targets(self, tokens):
        return tokens.no_such_method()


def run(pattern="SSM-TF", task=None, **train):
    model = HybridConfig(pattern=pattern, d_model=4, window=3)
    return Run(task=task or OwnTask(), model=model, train=Train(**train))


def test_what_can_start_is_counted():
    config = HybridConfig(34, pattern="SSM-TF", d_model=8, window=20)
    assert check_run(Run(task=SelectiveCopying(), model=config)) == 2192
    assert check_run(run(f"{__name__}:Doubling")) == 2 * 4 + 4 + 2 * 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (run(f"{__name__}:Unbuilt-TF"), "cannot be built: KeyError"),
        (run(f"{__name__}:Failing-TF"), "layer test_preflight:Failing cannot run on 5 tokens: RuntimeError"),
        (run(f"{__name__}:Shortening-TF"), "layer test_preflight:Shortening: forward must keep the shape"),
        (run(f"{__name__}:Failing-TF", seq_len=2), "cannot run on 2 tokens: RuntimeError"),
        (run("nowhere:Layer"), "nowhere"),
        (run(task=Dropping()), "shape (1, 1, 100)"),
        (run(task=Raising()), "gives no sequence: AttributeError"),
        (run(task=Needle(), seq_len=1), "seq_len"),
    ],
)
def test_what_cannot_start_is_told_in_one_line(given, said):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as told:
        check_run(given)
    assert said in str(told.value)


class Peeking(Doubling):
    def forward(self, hidden):
        return self.weight * hidden.flip(1)


class Foretelling(OwnTask):
    def targets(self, tokens):
        return Targets(tokens.roll(-1, -1), torch.ones_like(tokens, dtype=torch.bool))


class Unscored(OwnTask):
    def targets(self, tokens):
        return Targets(tokens, torch.zeros_like(tokens, dtype=torch.bool))


def test_a_task_that_scores_nothing_is_not_trained():
    with pytest.raises(ValueError, match="Unscored: nothing is scored"):
        check_run(run(task=Unscored()))
    assert check_run(run(task=Unscored()), unchecked=True) > 0


@pytest.mark.parametrize("given", [run(f"{__name__}:Peeking-TF"), run(task=Foretelling())])
def test_promises_are_tried_before_anything_is_trained(given):
    """By the command line's check, and by training from Python."""
    short = replace(given, train=Train(steps=1, seq_len=9, test_sequences=2, select_sequences=2))
    for start in (check_run, lambda asked: train(asked, device="cpu")):
        with pytest.raises(ValueError, match=r"reads the future|changes with the tokens"):
            start(short)
    assert check_run(short, unchecked=True) > 0
    assert train(short, device="cpu", unchecked=True).members[0].scored


def test_one_run_of_each_own_layer_is_tried():
    tried = [run(f"{__name__}:Doubling-TF"), run(f"{__name__}:Peeking-TF"), run("SSM-TF")]
    with pytest.raises(ValueError, match="layer test_preflight:Peeking: forward reads the future"):
        check_runs(tried)
    check_runs(tried, unchecked=True)
