"""Packed rows against a plain reading of them: examples one after the other, each labelled by itself."""

import itertools
import json

import pytest
import torch
from typer.testing import CliRunner

from plait.cli.commands import app
from plait.random import Stream
from plait.tasks import (
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    Targets,
    sample_labelled,
    task_from_json,
    task_to_json,
)
from plait.tasks.packed import Packed

TASKS = (
    DecodingRecall(n_bits=2, p_bit=0.4),
    SelectiveCopying(n_words=3, numbers=(1, 2), p_number=0.3),
    MultiKeyRecall(n_words=3, key_length=1),
)


def by_hand(task, row: list[int], *, masked: bool) -> list[int | None]:
    """The labels of a row with separators, read from its tokens one example at a time."""
    bos = task.ordinary_tokens
    parts: list[list[int]] = []
    for token in row:
        if token == bos:
            parts.append([])
        else:
            parts[-1].append(token)
    found: list[int | None] = []
    for index, part in enumerate(parts):
        found.append(None)
        if part:
            found += (
                list(task.answers(part)) if not (masked and index == len(parts) - 1) else [None] * len(part)
            )
    return found


def as_list(labels: Targets, row: int) -> list[int | None]:
    pairs = zip(labels.tokens[row].tolist(), labels.scored[row].tolist(), strict=True)
    return [token if scored else None for token, scored in pairs]


@pytest.mark.parametrize("last", ["masked", "scored"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_with_separators_tokens_and_sampler_say_the_same(task, last):
    packed = Packed(task=task, lengths=(3, 9), separator=True, last=last)
    tokens, labels = packed.sample_labelled(Stream(1), batch=50, seq_len=40)
    read = packed.targets(tokens)
    for row in range(50):
        wanted = by_hand(task, tokens[row].tolist(), masked=last == "masked")
        assert as_list(labels, row) == wanted
        assert as_list(read, row) == wanted
    assert (tokens[:, 0] == task.ordinary_tokens).all()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_without_separators_it_is_the_same_examples_moved_together(task):
    """The draws are the same, so the separated rows of the same stream show where examples begin."""
    apart = Packed(task=task, lengths=(3, 9), separator=True, last="scored")
    joined = Packed(task=task, lengths=(3, 9), separator=False, last="scored")
    # As many examples are drawn for both: 3 + 1 tokens in rows of 40, 3 in rows of 30.
    rows, shown = apart.sample_labelled(Stream(2), batch=30, seq_len=40)
    tokens, labels = joined.sample_labelled(Stream(2), batch=30, seq_len=30)
    for row in range(30):
        kept = [at for at, token in enumerate(rows[row].tolist()) if token != task.ordinary_tokens][:30]
        assert tokens[row, : len(kept)].tolist() == rows[row, kept].tolist()
        assert as_list(labels, row)[: len(kept)] == [as_list(shown, row)[at] for at in kept]


def test_the_last_example_without_separators_counts_where_it_is_whole():
    task = SelectiveCopying(n_words=3, numbers=(1,), p_number=0.5)
    whole = Packed(task=task, lengths=(5, 5), separator=False)
    _, scored = whole.sample_labelled(Stream(0), batch=200, seq_len=10)[1]
    assert scored[:, 5:].any()
    _, scored = whole.sample_labelled(Stream(0), batch=200, seq_len=9)[1]
    assert not scored[:, 5:].any()
    assert scored[:, :5].any()


def test_lengths_are_uniform_and_rows_are_full():
    packed = Packed(task=TASKS[0], lengths=(3, 6), separator=True)
    tokens = packed.sample(Stream(5), batch=2_000, seq_len=30)
    gaps = []
    for row in tokens.tolist():
        begins = [at for at, token in enumerate(row) if token == TASKS[0].ordinary_tokens]
        gaps += [b - a - 1 for a, b in itertools.pairwise(begins[:3])]
    shares = [gaps.count(length) / len(gaps) for length in (3, 4, 5, 6)]
    assert sum(shares) == pytest.approx(1.0)
    assert max(abs(share - 0.25) for share in shares) < 5 * (0.1875 / len(gaps)) ** 0.5


@pytest.mark.parametrize(
    ("p_bit", "share"), [(0.05, 0.55), (0.1, 0.46), (0.2, 0.24), (0.3, 0.125), (0.5, 0.043), (0.9, 0.01)]
)
def test_labels_that_contradict_the_row(p_bit, share):
    """Recall with decoding as the released program packs it: 4 bits, rows of 200, examples of 10 to 50."""
    packed = Packed(task=DecodingRecall(n_bits=4, p_bit=p_bit), separator=False)
    assert packed.contradicted(rows=512) == pytest.approx(share, abs=0.02)
    assert Packed(task=DecodingRecall(n_bits=4, p_bit=p_bit), separator=True).contradicted() == 0.0


def test_members_draw_what_they_draw_alone():
    packed = Packed(task=TASKS[0], lengths=(3, 9), separator=False)
    together = sample_labelled(packed, Stream(torch.tensor([4, 7]), 3), batch=5, seq_len=40)
    alone = sample_labelled(packed, Stream(torch.tensor([7]), 3), batch=5, seq_len=40)
    assert torch.equal(together[0][1:], alone[0])
    assert all(torch.equal(one[1:], other) for one, other in zip(together[1], alone[1], strict=True))


def test_it_is_written_and_read_back():
    packed = Packed(task=DecodingRecall(n_bits=4, p_bit=0.3), lengths=(10, 50), separator=False)
    assert task_from_json(json.loads(json.dumps(task_to_json(packed)))) == packed


def test_tokens_alone_have_no_labels_without_separators():
    packed = Packed(separator=False)
    with pytest.raises(ValueError, match="do not show where their examples begin"):
        packed.targets(torch.zeros(1, 20, dtype=torch.int64))
    result = CliRunner().invoke(
        app,
        ["label", "plait.tasks.packed:Packed", "--param", "separator=false", "--tokens", "-"],
        input="[[0, 1, 2]]",
    )
    assert result.exit_code != 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": Needle()}, "whose rows can be cut short"),
        ({"task": SelectiveCopying(variant="adversarial")}, "whose rows can be cut short"),
        ({"task": DecodingRecall(variant="last")}, "whose rows can be cut short"),
        ({"task": "needle"}, "whose rows can be cut short"),
        ({"lengths": (5,)}, "lengths must be the shortest and the longest example"),
        ({"lengths": (6, 5)}, "the shortest example must be"),
        ({"lengths": (0, 5)}, "the shortest example must be"),
        ({"last": "kept"}, "last must be one of masked, scored"),
        ({"separator": 3}, "separator must be true or false, got 3"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Packed(**changes)


def test_examples_longer_than_a_row_are_refused():
    with pytest.raises(ValueError, match="examples of up to 50 tokens need rows of 51, got 50"):
        Packed().sample(Stream(0), batch=1, seq_len=50)
