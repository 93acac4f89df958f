"""The checker's own task definitions against plait.tasks, and its independence of everything else."""

import ast
import dataclasses
import importlib
import random
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from theory_cases import SMALL_TASKS, all_rows, in_domain

import plait.theory.checker
from plait.tasks import (
    MQAR,
    DecodingRecall,
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    Needle,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    SelectiveCopying,
    StringCopying,
    task_to_json,
)
from plait.tasks import TASKS as TASKS_OF_PLAIT
from plait.theory.checker.document import Refused
from plait.theory.checker.rules import RULES, rule_of

TASKS = (
    *SMALL_TASKS,
    *(DecodingRecall(n_bits=n_bits, variant="last") for n_bits in (1, 2)),
    *(MQAR(n_keys=n, n_values=2, n_pairs=n, keep=keep) for n in (1, 2) for keep in ("latest", "first")),
    FuzzyRecall(n_letters=2), NoisyRecall(n_words=2, n_noise=2), SegmentedRecall(n_words=2, n_segments=2),
    MatrixLookup(n_words=1, rows=2, columns=2), KHopInduction(n_words=3), KHopInduction(n_words=2, hops=3),
    FollowBack(n_words=2, numbers=(1, 3)), FollowBack(n_words=1, numbers=(2, 1), hops=3), Dyck(depth=2),
    NGramRetrieval(n_words=2, n=1), NGramRetrieval(n_words=1), PositionRetrieval(n_words=3, n_positions=2),
    StringCopying(n_words=2), FlipCounting(least=2), ModularCounting(),
)  # fmt: skip


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
            walk = rule(task).open(row[:cut])
            got = walk(row[cut:])
            assert walk(row[cut:]) == got, "a walk leaves nothing behind"
            want = [t if s else None for t, s in zip(tokens, scored, strict=True)][cut:]
            assert got == want, (row, cut)


def test_rows_outside_the_domain_are_undefined():
    """What the sampler cannot make proves nothing about a model of the task."""
    needle = rule(Needle(n_words=3)).open([3, 1])
    assert needle([0, 2]) == [1, 1]
    assert needle([3, 2]) == [None, None]  # a second marker A
    assert needle([4, 2]) == [1, None]  # marker B is not the last token
    assert rule(Needle(n_words=3)).open([4])([3, 1]) == [None, None]  # marker B before A
    assert rule(Needle(n_words=3)).open([3])([4, 1]) == [None, None]  # no word after A
    last = rule(DecodingRecall(n_bits=2, variant="last")).open([0, 1, 2])
    assert last([4, 5]) == [None, 2]  # the last position alone
    assert last([4, 5, 5]) == [None, None, None]  # three bits
    assert last([4, 0, 5]) == [None, None, None]  # a word among them


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("needle", {"n_wrods": 3}, "unknown parameter"),
        ("needle", {"n_words": 0}, "at least 1"),
        ("needle", {"n_words": True}, "at least 1"),
        ("needle", {"score_marker": 1}, "true or false"),
        ("selective-copying", {"numbers": []}, "list"),
        ("selective-copying", {"numbers": [1, 1]}, "distinct"),
        ("selective-copying", {"variant": "other"}, "one of"),
        ("decoding-recall", {"n_bits": 30}, "at most 20"),
        ("decoding-recall", {"p_bit": 2}, "probability"),
        ("mqar", {"keep": "last"}, "one of"),
        ("mqar", {"variant": "uniform"}, "one of"),
        ("mqar", {"n_pairs": 2}, "at most n_keys"),
        ("mqar", {"n_fillers": 0}, "at least 1"),
        ("dyck", {"depth": 2**21}, "at most 1048576"),
        ("k-hop-induction", {"hops": 1001}, "at most 1000"),
        ("position-retrieval", {"n_words": 3, "n_positions": 4}, "at most 3"),
        ("n-gram-retrieval", {"n_words": 2**20, "n": 2}, "2\\^32"),
        ("follow-back", {"numbers": [1, 1]}, "distinct"),
        ("fuzzy-recall", {"p_value": 2}, "probability"),
        ("flip-counting", {"least": 0}, "at least 1"),
        ("modular-counting", {"modulus": 1}, "at least 2"),
    ],
)
def test_refused(name, params, said):
    whole = dict.fromkeys(RULES[name].parameters, 1)
    whole |= {"numbers": [1], "variant": "uniform"} if name == "selective-copying" else {}
    whole |= {"keep": "first", "variant": "distinct"} if name == "mqar" else {}
    with pytest.raises(Refused, match=said):
        rule_of(name, whole | params)


def test_an_unknown_task_is_refused():
    with pytest.raises(Refused, match="unknown task"):
        rule_of("neddle", {})


@pytest.mark.parametrize("task", [SelectiveCopying(), DecodingRecall(), Needle(), MQAR()], ids=repr)
def test_every_parameter_must_be_in_the_file(task):
    params = task_to_json(task)["params"]
    for name in params:
        with pytest.raises(Refused, match=f"lacks the parameter '{name}'"):
            rule_of(task.name, {key: value for key, value in params.items() if key != name})


@pytest.mark.parametrize("name", RULES)
def test_each_rule_names_the_class_that_it_restates(name):
    module, _, class_name = RULES[name].task.partition(":")
    assert getattr(importlib.import_module(module), class_name) is TASKS_OF_PLAIT[name]
    assert RULES[name].parameters == tuple(field.name for field in dataclasses.fields(TASKS_OF_PLAIT[name]))


def test_every_task_has_a_rule():
    assert set(RULES) == {task.name for task in TASKS} | {SelectiveCopying.name}


def test_the_checker_imports_nothing_that_makes_certificates():
    allowed = ("plait.theory.checker", "torch", "plait.deferred")  # the last names modules and makes nothing
    standard = {"abc", "collections.abc", "dataclasses", "fractions", "hashlib", "heapq", "itertools", "json"}
    standard |= {
        "bisect",
        "functools",
        "math",
        "os",
        "random",
        "re",
        "secrets",
        "select",
        "stat",
        "sys",
        "typing",
    }
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
