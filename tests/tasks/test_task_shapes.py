"""The shapes in the signatures, executed: every task sampled and labelled with jaxtyping's checks switched on."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import typing

import beartype
import torch
from jaxtyping import TypeCheckError, install_import_hook

import plait.native

typing.TYPE_CHECKING = True  # the names in the signatures, which stand there for a type checker alone
with install_import_hook(["plait.tasks", "plait.random"], "beartype.beartype"):
    from plait.random import Stream
    from plait.tasks import *
    from plait.tasks.lookup import follow_latest

every = [
    *(task() for task in TASKS.values()),
    *(SelectiveCopying(variant=v) for v in ("adversarial", "repetitive")), DecodingRecall(variant="last"),
    MultiKeyRecall(key_length=30), Needle(score_marker=True), MQAR(keep="first", variant="repeated"),
]
for task in every:
    for seed in (5, torch.tensor([1, 2, 3])):
        tokens, targets = sample_labelled(task, Stream(seed), batch=2, seq_len=40)
        task.targets(tokens[..., 0, :].to(torch.int16))
        if task.composition is not None and getattr(task, "key_length", 0) < 20:
            task.control(tokens)
    assert parse_task(task.name, task_to_json(task)["params"]) == task
typing.TYPE_CHECKING = False
try:
    follow_latest(torch.zeros(2, 3).long(), torch.zeros(2, 3).long(), torch.zeros(2, 4).long())
except TypeCheckError:
    print("checked", len(every) - len(TASKS), "more")
"""


@pytest.mark.parametrize("native", ["0", "1"])
def test_shapes_are_as_stated(native):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, "PLAIT_NATIVE": native},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout == "checked 6 more\n", done.stderr[-2000:]
