"""Sequences of a member do not depend on its company; a user's own task is sampled and labelled like a built-in one."""

import pytest
import torch
from field_cases import FIELD

from plait.random import Stream
from plait.tasks import (
    MQAR,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    parse_task,
    sample_labelled,
)

EVERY_TASK = (
    SelectiveCopying(),
    SelectiveCopying(variant="adversarial"),
    SelectiveCopying(variant="repetitive"),
    DecodingRecall(),
    DecodingRecall(variant="last"),
    AssociativeRecall(),
    MultiKeyRecall(),
    MultiKeyRecall(key_length=30),
    Needle(),
    Needle(score_marker=True),
    MQAR(),
    MQAR(keep="first", variant="repeated"),
    *(kind() for kind in FIELD),
)


@pytest.mark.parametrize("task", EVERY_TASK, ids=repr)
class TestMembers:
    def test_shapes_and_range(self, task):
        tokens = task.sample(Stream(3), batch=5, seq_len=31)
        assert tokens.shape == (5, 31)
        assert task.sample(Stream(torch.tensor([4, 1])), batch=1, seq_len=31).shape == (2, 1, 31)
        assert task.sample(Stream(0)).shape == (8, 100)
        assert tokens.dtype == torch.int64
        assert 0 <= tokens.min() <= tokens.max() < task.ordinary_tokens == task.vocab_size - 3

    def test_a_member_alone_is_the_member_among_others(self, task):
        seeds = torch.tensor([7, 0, 2**62 + 1, 7])
        together, targets = sample_labelled(task, Stream(seeds, 12), batch=3, seq_len=40)
        halves = [task.sample(Stream(part, 12), batch=3, seq_len=40) for part in (seeds[:1], seeds[1:])]
        assert torch.equal(together, torch.cat(halves))
        for member, seed in enumerate(seeds.tolist()):
            alone, own = sample_labelled(task, Stream(seed, 12), batch=3, seq_len=40)
            assert torch.equal(together[member], alone)
            assert torch.equal(targets.tokens[member], own.tokens)
            assert torch.equal(targets.scored[member], own.scored)

    def test_labels_are_the_targets(self, task):
        tokens, labels = sample_labelled(task, Stream(torch.tensor([1, 2]), 3), batch=4, seq_len=37)
        targets = task.targets(tokens)
        assert torch.equal(labels.tokens, targets.tokens)
        assert torch.equal(labels.scored, targets.scored)

    def test_steps_and_seeds_differ(self, task):
        rows = [task.sample(Stream(seed, step), batch=2, seq_len=40) for seed in (0, 1) for step in (0, 1)]
        assert all(not torch.equal(a, b) for k, a in enumerate(rows) for b in rows[:k])
        assert torch.equal(rows[3], task.sample(Stream(1, 1), batch=2, seq_len=40))


class OwnTask:
    """A user's task whose answers the tests can spoil."""

    vocab_size, token_names = 4, ("a", "b", "c", "d")

    def __init__(self, spoil=lambda tokens, scored: (tokens, scored)):
        self.spoil = spoil

    def sample(self, stream, batch=8, seq_len=100):
        return self.spoil(stream.integers(4, (batch, seq_len)), None)[0]

    def targets(self, tokens):
        return self.spoil(tokens, torch.ones_like(tokens, dtype=torch.bool))


def test_an_own_task_is_sampled_and_labelled():
    tokens, targets = sample_labelled(OwnTask(), Stream(torch.tensor([5, 6])), batch=3, seq_len=9)
    assert tokens.shape == targets.tokens.shape == (2, 3, 9)
    assert targets.scored.all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda tokens, scored: (tokens[..., :-1], scored),
            r"sample must be torch.int64 of shape \(3, 9\)",
        ),
        (lambda tokens, scored: (tokens.float(), scored), "sample must be torch.int64"),
        (lambda tokens, scored: (tokens.tolist(), scored), "got list"),
        (lambda tokens, scored: (tokens, scored) if scored is None else tokens, "must be Targets"),
        (lambda tokens, scored: (tokens - 1, scored), r"sample must be in \[0, 4\), got -1"),
        (lambda tokens, scored: (tokens + 1, scored), r"sample must be in \[0, 4\), got 4"),
        (
            lambda tokens, scored: (tokens if scored is None else tokens[0], scored),
            r"targets\.tokens must be",
        ),
        (
            lambda tokens, scored: (tokens, scored if scored is None else scored.int()),
            "scored must be torch.bool",
        ),
        (
            lambda tokens, scored: (tokens, scored if scored is None else scored[0]),
            "scored must be torch.bool",
        ),
    ],
)
def test_what_an_own_task_returns_is_checked(spoil, message):
    with pytest.raises(ValueError, match=message):
        sample_labelled(OwnTask(spoil), Stream(0), batch=3, seq_len=9)


def test_list_parameters_sample_as_tuples():
    a = parse_task("selective-copying", {"numbers": [1, 2]}).sample(Stream(0), seq_len=5)
    assert torch.equal(a, SelectiveCopying(numbers=(1, 2)).sample(Stream(0), seq_len=5))


@pytest.mark.parametrize("task", EVERY_TASK, ids=repr)
def test_draws_of_different_meaning_have_different_numbers(task, monkeypatch):
    """A number used again, for another shape, would tie tokens to each other that must be independent."""
    drawn = {}
    bits = Stream.bits

    def watched(stream, shape, *, draw=0):
        assert drawn.setdefault(draw, tuple(shape)) == tuple(shape)
        return bits(stream, shape, draw=draw)

    monkeypatch.setattr(Stream, "bits", watched)
    task.sample(Stream(0), batch=3, seq_len=40)
    assert drawn
