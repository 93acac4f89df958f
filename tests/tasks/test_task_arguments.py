"""What tasks, samplers and targets refuse: one line that says what was needed and what was got."""

import dataclasses
import math

import pytest
import torch

from plait.random import Stream
from plait.tasks import (
    MQAR,
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    Targets,
    Task,
)


def refuses(call, *parts):
    with pytest.raises(ValueError, match=r".") as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("task", "field", "value"),
    [
        *(
            (task, "n_words", value)
            for task in (SelectiveCopying, AssociativeRecall)
            for value in (0, -3, 2.0)
        ),
        *(
            (task, "n_words", value)
            for task in (MultiKeyRecall, Needle)
            for value in (0, "8", None, True, 2**40)
        ),
        *(
            (SelectiveCopying, "numbers", value)
            for value in ((), (0,), (5, -1), (5, 5), (1.5,), 5, "56", None)
        ),
        *(
            (SelectiveCopying, "p_number", value)
            for value in (-0.1, 1.1, math.nan, math.inf, "0.2", None, True)
        ),
        *((SelectiveCopying, "variant", value) for value in ("unifrom", "", None, 3)),
        *((DecodingRecall, "n_bits", value) for value in (0, -1, 21, 2.5, True)),
        *((DecodingRecall, "p_bit", value) for value in (-1, 2, math.nan, "x")),
        *((DecodingRecall, "variant", value) for value in ("first", None)),
        *((MultiKeyRecall, "key_length", value) for value in (0, -2, 1.5, 2**31)),
        *((Needle, "score_marker", value) for value in (1, "yes", None)),
        *((MQAR, "n_keys", value) for value in (0, 2**16 + 1, 2.0, True, "8")),
        *((MQAR, name, value) for name in ("n_values", "n_fillers") for value in (0, -1, 2**24 + 1, None)),
        *((MQAR, "n_pairs", value) for value in (0, 17, 1.5, True)),
        *((MQAR, "p_query", value) for value in (-0.1, math.nan, "0.2", None)),
        *((MQAR, name, value) for name in ("keep", "variant") for value in ("last", "", None)),
    ],
)
def test_a_field_is_refused(task, field, value):
    shown = {tuple: list}.get(type(value), lambda v: v)(value)
    refuses(lambda: task(**{field: value}), field.removesuffix("s"), "must be", "got")
    if not isinstance(value, tuple):
        refuses(lambda: task(**{field: value}), repr(shown) if field != "numbers" else str(shown))


@pytest.mark.parametrize("task_class", TASKS.values())
def test_a_task_is_a_frozen_keyword_only_value(task_class):
    task = task_class()
    assert isinstance(task, Task)
    assert task == task_class()
    assert hash(task) == hash(task_class())
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.n_words = 3
    with pytest.raises(TypeError):
        task_class(5)
    with pytest.raises(TypeError):
        task_class(n_wrods=5)


@pytest.mark.parametrize("task_class", TASKS.values())
@pytest.mark.parametrize("value", [0, -1, 2.0, True, None, "8"])
def test_batch_and_length_are_refused(task_class, value):
    refuses(lambda: task_class().sample(Stream(0), batch=value), "batch must be an integer", repr(value))
    refuses(lambda: task_class().sample(Stream(0), seq_len=value), "seq_len must be an integer", repr(value))


@pytest.mark.parametrize(
    ("task", "shortest", "part"),
    [
        (SelectiveCopying(), 10, "the largest is 9"),
        (SelectiveCopying(numbers=(40, 1)), 41, "the largest is 40"),
        (DecodingRecall(variant="last"), 5, "n_bits = 5"),
        (Needle(), 3, "at least 3"),
        (MQAR(), 17, "n_pairs = 8"),
        (MQAR(n_keys=1, n_pairs=4, variant="repeated"), 9, "at least 9"),
        (DecodingRecall(), 1, None),
        (AssociativeRecall(), 1, None),
        (MultiKeyRecall(key_length=7), 1, None),
    ],
    ids=repr,
)
def test_the_shortest_length(task, shortest, part):
    assert task.sample(Stream(0), seq_len=shortest).shape == (8, shortest)
    if part:
        refuses(
            lambda: task.sample(Stream(0), seq_len=shortest - 1), "seq_len must", part, f"got {shortest - 1}"
        )


@pytest.mark.parametrize("task_class", TASKS.values())
class TestTokens:
    def test_out_of_range(self, task_class):
        task = task_class()
        row = torch.zeros(2, 5, dtype=torch.int64)
        for token in (task.ordinary_tokens, task.vocab_size - 1, task.vocab_size, -1, -(2**40), 2**60):
            row[1, 3] = token
            refuses(lambda: task.targets(row), f"[0, {task.ordinary_tokens})", f"got {token}")
            if hasattr(task, "control"):
                refuses(lambda: task.control(row), f"got {token}")

    def test_not_integers(self, task_class):
        for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.bool):
            refuses(
                lambda dtype=dtype: task_class().targets(torch.zeros(3, dtype=dtype)), f"got dtype {dtype}"
            )

    def test_no_time(self, task_class):
        refuses(lambda: task_class().targets(torch.tensor(1)), "time axis", "got shape ()")
        refuses(lambda: task_class().targets(torch.zeros(3, 0, dtype=torch.int64)), "got shape (3, 0)")

    def test_no_tensor(self, task_class):
        with pytest.raises((ValueError, TypeError), match="list"):
            task_class().targets([[1, 2], [1]])

    def test_no_rows_are_no_targets(self, task_class):
        targets = task_class().targets(torch.zeros(0, 7, dtype=torch.int32))
        assert isinstance(targets, Targets)
        assert targets.tokens.shape == targets.scored.shape == (0, 7)


@pytest.mark.parametrize(
    ("task", "size", "some"),
    [
        (SelectiveCopying(), 34, {0: "a", 25: "z", 26: "5'", 30: "9'"}),
        (SelectiveCopying(n_words=200), 208, {0: "w0", 199: "w199", 200: "5'"}),
        (DecodingRecall(), 37, {0: "w0", 31: "w31", 32: "0", 33: "1"}),
        (DecodingRecall(n_bits=1, variant="last"), 7, {1: "w1", 2: "0"}),
        (AssociativeRecall(n_words=3), 6, {2: "c"}),
        (MultiKeyRecall(), 11, {7: "h"}),
        (Needle(), 105, {99: "w99", 100: "A", 101: "B"}),
    ],
    ids=repr,
)
def test_vocabulary(task, size, some):
    names = task.token_names
    assert task.vocab_size == len(names) == len(set(names)) == size
    assert names[-3:] == ("<bos>", "<eos>", "<null>")
    assert all(names[token] == name for token, name in some.items())
