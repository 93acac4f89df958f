"""The example of a user's own task: named on its own file, sampled, labelled, and short enough to copy."""

from pathlib import Path

import pytest
import torch

from plait.random import Stream
from plait.tasks import parse_task, sample_labelled, task_from_json, task_to_json

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def task(monkeypatch):
    monkeypatch.chdir(ROOT)
    return parse_task("examples.my_task:DelayedCopy", {"lag": 3})


def test_targets_equal_a_loop(task):
    tokens, targets = sample_labelled(task, Stream(torch.tensor([1, 2]), 5), batch=4, seq_len=11)
    assert tokens.shape == (2, 4, 11)
    for row, answers, scored in zip(*(t.reshape(8, 11).tolist() for t in (tokens, *targets)), strict=True):
        assert scored == [i >= 3 for i in range(11)]
        assert answers[3:] == row[:-3]


def test_it_is_stored_by_name(task):
    assert task_to_json(task) == {
        "task": "examples.my_task:DelayedCopy",
        "params": {"n_words": 8, "lag": 3},
    }
    assert task_from_json(task_to_json(task)) == task


def test_it_is_about_30_lines():
    code = (ROOT / "examples" / "my_task.py").read_text().splitlines()
    assert len([line for line in code if line.strip()]) <= 32
