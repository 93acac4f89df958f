"""The checker's own task definitions against plait.tasks, and its independence of everything else."""

import ast
import random
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from theory_cases import SMALL_TASKS, all_rows, in_domain

import plait.theory.checker
from plait.tasks import DecodingRecall, Needle, SelectiveCopying, task_to_json
from plait.theory.checker.document import Refused
from plait.theory.checker.rules import RULES, rule_of

TASKS = (*SMALL_TASKS, DecodingRecall(n_bits=1, variant="last"), DecodingRecall(n_bits=2, variant="last"))


def rule(task):
    document = task_to_json(task)
    params = {k: Fraction(repr(v)) if isinstance(v, float) else v for k, v in document["params"].items()}
    return rule_of(document["task"], params)


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_rules_are_the_tasks(task):
    rng = random.Random(3)
    length = 7 if task.ordinary_tokens <= 4 else 5
    rows = all_rows(task.ordinary_tokens, length)
    rows = rows[in_domain(task, rows)]
    long = torch.randint(task.ordinary_tokens, (300, 23), generator=torch.Generator().manual_seed(1))
    for domain in (rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(2))[:400]], long):
        domain = domain[in_domain(task, domain)]
        if not len(domain):
            continue
        targets = task.targets(domain)
        for row, tokens, scored in zip(
            domain.tolist(), targets.tokens.tolist(), targets.scored.tolist(), strict=True
        ):
            cut = rng.randrange(len(row))
            ask = rule(task).open(row[:cut])
            got = [ask(row[cut:], i) for i in range(len(row) - cut)]
            want = [t if s else None for t, s in zip(tokens, scored, strict=True)][cut:]
            assert got == want, (row, cut)


def test_rows_outside_the_domain_are_undefined():
    """What the sampler cannot make proves nothing about a model of the task."""
    needle = rule(Needle(n_words=3)).open([3, 1])
    assert needle([0, 2], 1) == 1
    assert needle([3, 2], 1) is None  # a second marker A
    assert needle([4, 2], 1) is None  # marker B is not the last token
    last = rule(DecodingRecall(n_bits=2, variant="last")).open([0, 1, 2])
    assert last([4, 5], 1) == 2
    assert last([4, 5], 0) is None  # not the last position
    assert last([4, 5, 5], 2) is None  # three bits


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("neddle", {}, "unknown task"),
        ("needle", {"n_wrods": 3}, "unknown parameter"),
        ("needle", {"n_words": 0}, "at least 1"),
        ("needle", {"n_words": True}, "at least 1"),
        ("needle", {"score_marker": 1}, "true or false"),
        ("selective-copying", {"numbers": []}, "list"),
        ("selective-copying", {"numbers": [1, 1]}, "distinct"),
        ("selective-copying", {"variant": "other"}, "one of"),
        ("decoding-recall", {"n_bits": 30}, "at most 20"),
        ("decoding-recall", {"p_bit": 2}, "probability"),
    ],
)
def test_refused(name, params, said):
    with pytest.raises(Refused, match=said):
        rule_of(name, params)


def test_every_task_has_a_rule():
    assert set(RULES) == {task.name for task in TASKS} | {SelectiveCopying.name}


def test_the_checker_imports_nothing_that_makes_certificates():
    allowed = ("plait.theory.checker", "torch")
    standard = {"abc", "collections.abc", "dataclasses", "fractions", "hashlib", "heapq", "itertools", "json"}
    standard |= {"math", "os", "random", "re", "secrets", "typing"}
    for path in Path(plait.theory.checker.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, path
                names = [node.module]
            for name in names:
                assert name in standard or name.startswith(allowed), f"{path.name} imports {name}"
