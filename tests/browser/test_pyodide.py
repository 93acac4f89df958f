"""The same questions in CPython and in Pyodide under node: every character of every answer is the same."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plait.browser import answer
from plait.tasks import TASKS

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (WEB / "node_modules" / "pyodide").exists(),
    reason="node and `npm install --prefix web` are needed",
)

SIZES = {
    "selective-copying": [{"numbers": [1, 2]}, {"n_words": 1}, {"n_words": 1000, "numbers": [3, 70]}],
    "decoding-recall": [{"n_bits": 1}, {"n_bits": 8}, {"variant": "last", "n_bits": 3}],
    "associative-recall": [{"n_words": 2}, {"n_words": 500}],
    "multi-key-recall": [{"key_length": 1}, {"n_words": 2}, {"n_words": 3, "key_length": 3}],
    "needle": [{"n_words": 1}, {"n_words": 10_000}],
}


TOP = {"n_words": 256, "key_length": 6}
"""Of multi-key recall, its sliders at their ends."""

BY_TABLE = ("mqar", "string-copying", "dyck", "flip-counting", "follow-back")
"""Tasks whose bounds the page has from tables."""


def questions() -> list[dict[str, Any]]:
    """Sizes of models, bounds, labels and mistakes."""
    configs = [json.loads(path.read_text()) for path in sorted((ROOT / "examples").glob("*.json"))]
    configs += [{"pattern": "SSM*3-TF", "d_model": 64, "window": 32, "vocab_size": 1000}]
    asked: list[dict[str, Any]] = [{"ask": "tasks"}]
    for config in configs:
        for weights, cache, seq_len in (
            ("bfloat16", "bfloat16", 4096),
            ("int4", "fp8", 1_000_000),
            ("fp8", "int8", 1),
        ):
            asked.append(
                {
                    "ask": "size",
                    "config": config,
                    "weights": weights,
                    "cache": cache,
                    "seq_len": seq_len,
                    "batch": 3,
                }
            )
        asked.append({"ask": "ruled out", "config": config, "seq_len": 3000, "budget": 10**7, "items": 100})
    for task, sizes in SIZES.items():
        for params in [{}, *sizes]:
            asked.append({"ask": "bounds", "task": task, "params": params, "seq_len": 80})
            asked.append({"ask": "bounds", "task": task, "params": params, "error": "0.01"})
    asked.append({"ask": "bounds", "task": "multi-key-recall", "params": TOP, "seq_len": 1024})
    asked += [{"ask": "bounds", "task": task} for task in BY_TABLE]
    draw = random.Random(1)
    for task in TASKS:
        n = TASKS[task]().ordinary_tokens  # pyright: ignore[reportAttributeAccessIssue]
        rows = [[draw.randrange(min(n, 36)) for _ in range(60)] for _ in range(4)]
        asked.append({"ask": "label", "task": task, "rows": rows})
    return asked + mistakes()


def mistakes() -> list[dict[str, Any]]:
    """Each is answered by one line, on either side."""
    return [
        {"ask": "nothing"},
        {"ask": "size", "config": [1]},
        {"ask": "size", "config": {"model_type": "<img src=x onerror=alert(1)>"}},
        {"ask": "size", "config": {"pattern": "os:system-TF", "d_model": 8, "vocab_size": 9}},
        {"ask": "size", "config": {"pattern": "SSM", "d_model": 8, "vocab_size": 9}, "seq_len": 0},
        {"ask": "size", "config": {"pattern": "SSM", "d_model": 8, "vocab_size": 9}, "batch": 10**30},
        {"ask": "size", "config": {"pattern": "SSM", "d_model": 8, "vocab_size": 9}, "weights": "int3"},
        {"ask": "bounds", "task": "os:system"},
        {"ask": "bounds", "task": "needle", "params": {"n_words": -1}},
        {"ask": "bounds", "task": "needle", "error": "2"},
        {"ask": "bounds", "task": "mqar", "error": "0.1"},
        {"ask": "bounds", "task": "follow-back", "error": "0.1"},
        {"ask": "label", "task": "needle", "rows": [[1, 2], [3]]},
        {"ask": "label", "task": "needle", "rows": [[0] * 200_000]},
        {"ask": "label", "task": "needle", "row": [[0]]},
    ]


@pytest.fixture(scope="module")
def both() -> list[tuple[dict[str, Any], str, str]]:
    """Question, CPython's answer, Pyodide's answer; and what Pyodide had imported at the end."""
    asked = questions()
    packed = subprocess.run([sys.executable, str(WEB / "sources.py")], capture_output=True, check=True).stdout
    archive = WEB / "node_modules" / ".plait.zip"
    archive.write_bytes(packed)
    done = subprocess.run(
        ["node", "answers.mjs", str(archive)],
        cwd=WEB,
        input="".join(f"{json.dumps(question)}\n" for question in asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    *answers, last = done.stdout.splitlines()
    assert json.loads(last)["heavy"] == []
    return [(q, answer(json.dumps(q)), found) for q, found in zip(asked, answers, strict=True)]


def test_every_answer_is_the_same(both: list[tuple[dict[str, Any], str, str]]) -> None:
    assert len(both) > 50
    for question, here, there in both:
        assert there == here, question


def test_right_questions_are_answered_and_mistakes_are_one_line(
    both: list[tuple[dict[str, Any], str, str]],
) -> None:
    wrong = mistakes()
    for question, here, _ in both:
        document = json.loads(here)
        if question in wrong:
            assert set(document) == {"error"}, question
            assert "\n" not in document["error"]
            assert len(document["error"]) <= 400
        else:
            assert set(document) == {"answer"}, (question, document)


def test_sizes_are_those_of_plait_memory() -> None:
    from plait.memory import read_config

    config = json.loads((ROOT / "examples" / "jamba.json").read_text())
    asked = {
        "ask": "size",
        "config": config,
        "seq_len": 5000,
        "batch": 2,
        "weights": "bfloat16",
        "cache": "bfloat16",
    }
    found = json.loads(answer(json.dumps(asked)))["answer"]
    report = read_config(config).memory(5000, batch=2)
    assert found["parameters"] == report.parameters
    assert found["weight_bytes"] == report.parameter_bytes
    assert found["sequence_bytes"] == report.state_bytes
    assert found["total_bytes"] == report.parameter_bytes + report.batch_bytes
    row = next(row for row in found["fits"] if row["gigabytes"] == 80 and row["cards"] == 2)
    used = report.parameter_bytes + row["sequences"] * report.state_bytes
    assert used <= 160 * 10**9 < used + report.state_bytes
