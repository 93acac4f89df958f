"""Framed rows: the example's own targets where it lies, nothing scored around it, lengths as stated."""

import pytest
import torch

from plait.random import Stream
from plait.tasks import DecodingRecall, MultiKeyRecall, SelectiveCopying, task_from_json, task_to_json
from plait.tasks.framed import Framed

TASKS = (SelectiveCopying(n_words=3, numbers=(1, 2)), MultiKeyRecall(n_words=3), DecodingRecall(n_bits=2))


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_an_example_in_its_frame(task, marked):
    framed = Framed(task=task, lengths=(9, 11), marked=marked)
    bos, eos, null = range(task.ordinary_tokens, task.vocab_size)
    rows = framed.sample(Stream(3), batch=400, seq_len=14)
    labelled = framed.targets(rows)
    lengths = []
    for row, tokens, scored in zip(rows, labelled.tokens, labelled.scored, strict=True):
        example = row[row < task.ordinary_tokens]
        lengths.append(len(example))
        frame = [bos, *example.tolist(), eos] if marked else example.tolist()
        assert row.tolist() == frame + [null] * (14 - len(frame))
        wanted = task.targets(example)
        before = int(marked)
        places = slice(before, before + len(example))
        assert torch.equal(tokens[places] * scored[places], wanted.tokens * wanted.scored)
        assert torch.equal(scored[places], wanted.scored)
        assert int(scored.sum()) == int(wanted.scored.sum())
    assert set(lengths) == {9, 11}
    assert abs(lengths.count(9) / 400 - 0.5) < 5 * 0.5 / 20


def test_members_draw_what_they_draw_alone():
    framed = Framed()
    together = framed.sample(Stream(torch.tensor([5, 6]), 2), batch=4, seq_len=100)
    assert torch.equal(together[1], framed.sample(Stream(6, 2), batch=4, seq_len=100))


def test_it_is_written_with_the_task_inside():
    framed = Framed(task=DecodingRecall(n_bits=3), lengths=(50,), marked=False)
    document = task_to_json(framed)
    assert document["task"] == "plait.tasks.framed:Framed"
    assert document["params"]["task"] == task_to_json(framed.task)
    assert task_from_json(document) == framed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "selective-copying"}, "a frame needs a built-in task, got 'selective-copying'"),
        ({"task": Framed()}, "a frame needs a built-in task"),
        ({"lengths": ()}, "lengths must be one or more integers"),
        ({"lengths": (0,)}, "each of lengths must be an integer"),
        ({"marked": "yes"}, "marked must be true or false"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Framed(**changes)


def test_a_row_too_short_for_its_frame_is_refused():
    with pytest.raises(ValueError, match="rows must have at least 100 tokens, got seq_len 99"):
        Framed().sample(Stream(0), batch=1, seq_len=99)
