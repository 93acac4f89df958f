"""What is known of a task of plait is known of exactly its class: a subclass is a user's own task."""

import dataclasses
import json
import re
import sys
from dataclasses import dataclass

import pytest
import torch

from plait.constructions import decoding_recall, layouts, selective_copying
from plait.constructions.copying import CopyingPlan
from plait.constructions.line import LinePlan
from plait.constructions.smallest import chosen_plan
from plait.paper.shift import SkewedCopying
from plait.random import Stream
from plait.tasks import (
    TASKS,
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    Targets,
    is_built_in,
    sample_labelled,
)
from plait.tasks.framed import Framed
from plait.tasks.registry import is_ours
from plait.tasks.rows import checked_targets
from plait.theory import (
    attention_reach,
    bounds_table,
    check,
    find_state_bits,
    open_game,
    printed_state_bits,
    sealed,
    ssm_state_bits,
    state_count,
)
from plait.theory.automata.tasks import task_machine
from plait.theory.families import families, has_family
from plait.theory.reach import has_reach
from plait.verify.adversarial.suite import suite
from plait.verify.exhaustive import _labels_are_causal
from plait.verify.inputs import source_distances

pytestmark = pytest.mark.usefixtures("counted_seconds")  # what a search finds is the same on every machine


def _zeros(tokens):
    return Targets(torch.zeros_like(tokens), torch.ones_like(tokens, dtype=torch.bool))


@dataclass(frozen=True, kw_only=True)
class Nothing(SelectiveCopying):
    """Every target is word 0: one state is enough."""

    def _label(self, tokens):
        return _zeros(tokens)


@dataclass(frozen=True, kw_only=True)
class NothingByTargets(SelectiveCopying):
    """The same by the public member alone, the private one being that of the base."""

    def targets(self, tokens):
        return _zeros(tokens)


@dataclass(frozen=True)
class CallsItself:
    """No base class, and the name of a built-in task."""

    name = "selective-copying"
    n_words: int = 3
    numbers: tuple[int, ...] = (1, 2)
    p_number: float = 0.2
    variant: str = "uniform"
    ordinary_tokens = 5
    vocab_size = 5
    token_names = tuple("abcde")

    def sample(self, stream, batch=8, seq_len=100):
        return stream.integers(5, (batch, seq_len), draw=0)

    def targets(self, tokens):
        return _zeros(tokens)


SMALL = SelectiveCopying(n_words=3, numbers=(1, 2))
OWN = [Nothing(n_words=3, numbers=(1, 2)), NothingByTargets(n_words=3, numbers=(1, 2)), CallsItself()]
SUBCLASSES = [
    dataclasses.make_dataclass(f"My{base.__name__}", [], bases=(base,), frozen=True, kw_only=True)()
    for base in TASKS.values()
]


@pytest.mark.parametrize("task", [*OWN, *SUBCLASSES], ids=lambda task: type(task).__name__)
def test_nothing_is_known_of_it(task):
    assert not is_built_in(task)
    assert not has_family(task)
    assert not has_reach(task)
    assert not _labels_are_causal(task)
    for known in (
        ssm_state_bits,
        printed_state_bits,
        state_count,
        families,
        task_machine,
        lambda task: attention_reach(task, 9),
        lambda task: bounds_table(task, 9),
        lambda task: chosen_plan(task, 9),
        lambda task: chosen_plan(task, 9, smallest=True),
        lambda task: layouts(task, 9),
    ):
        with pytest.raises(ValueError, match=r"\A[^\n]*\Z"):
            known(task)
    tokens = torch.zeros(2, 9, dtype=torch.int64)
    assert source_distances(task, tokens, _zeros(tokens)) is None
    names = {case.name for case in suite(task, seq_len=9, window=None, seed=0)}
    assert "two tokens by turns" in names


@pytest.mark.parametrize("task", OWN, ids=lambda task: type(task).__name__)
def test_no_plan_of_copying_is_made_for_it(task):
    for make in (selective_copying, lambda *args: CopyingPlan(task=args[0], seq_len=args[1])):
        with pytest.raises(ValueError, match=f"SelectiveCopying itself, not of {type(task).__name__}"):
            make(task, 9)
    with pytest.raises(ValueError, match="itself"):
        LinePlan(task=task, seq_len=9)


def test_no_plan_of_recall_is_made_for_a_subclass():
    mine = next(task for task in SUBCLASSES if isinstance(task, DecodingRecall))
    for pattern in ("SSM-TF", "SSM-TF-TF"):
        with pytest.raises(ValueError, match="DecodingRecall itself, not of MyDecodingRecall"):
            decoding_recall(mine, 9, pattern=pattern)


def test_the_built_in_ones_are_known():
    for task in (SMALL, AssociativeRecall(n_words=3), MultiKeyRecall(), DecodingRecall(n_bits=1), Needle()):
        assert is_built_in(task)
        assert has_family(task)
        assert has_reach(task)
        assert ssm_state_bits(task, seq_len=12).value > 0


@pytest.mark.parametrize("task", OWN, ids=lambda task: type(task).__name__)
def test_its_own_targets_are_what_it_is_trained_on(task):
    assert not is_ours(task)
    tokens, targets = sample_labelled(task, Stream(1), batch=4, seq_len=9)
    assert targets.scored.all()
    assert not targets.tokens.any()
    assert checked_targets(task, tokens).scored.all()


def test_what_experiments_derive_is_trained_without_checks_and_has_no_bound():
    for task in (SkewedCopying(), Framed()):
        assert is_ours(task)
        assert not is_built_in(task)
        with pytest.raises(ValueError, match="no family"):
            families(task)


def test_a_search_finds_that_one_state_is_enough():
    bound = find_state_bits(OWN[0], seq_len=9, seconds=2)
    assert bound.found
    assert bound.value == 0
    assert bound.certificate is None


@pytest.mark.parametrize("task", OWN, ids=lambda task: type(task).__name__)
def test_a_built_in_task_s_certificate_is_not_about_it(task):
    certificate = ssm_state_bits(SMALL).certificate
    assert check(certificate, task=SMALL).accepted
    for document in (certificate, sealed({**certificate, "params": {}})):
        verdict = check(document, task=task)
        assert not verdict.accepted
        assert verdict.reason.endswith(f"the task given is {type(task).__module__}:{type(task).__qualname__}")
        with pytest.raises(ValueError, match="the task given is"):
            open_game(document, task=task)
    reach = attention_reach(SMALL, 9).certificate
    assert check(reach, task=SMALL).accepted
    assert not check(reach, task=task).accepted


def test_a_class_that_says_it_stands_in_the_task_s_module_does_not():
    fake = type("SelectiveCopying", (CallsItself,), {"__module__": SelectiveCopying.__module__})()
    assert type(fake).__qualname__ == SelectiveCopying.__qualname__
    assert not check(ssm_state_bits(SMALL).certificate, task=fake).accepted
    assert not is_built_in(fake)


def test_other_parameters_of_the_same_class_are_another_task():
    certificate = ssm_state_bits(SMALL).certificate
    verdict = check(certificate, task=SelectiveCopying(n_words=3, numbers=(1, 3)))
    assert verdict.reason.startswith("the certificate has numbers = [1, 2]")
    verdict = check(sealed({**certificate, "params": {"n_words": 3, "numbers": [1, 2]}}))
    assert verdict.reason == "the certificate lacks the parameter 'p_number' of selective-copying"


def test_on_the_command_line(tmp_path, monkeypatch):
    """Bounds by search, no hybrid, no build, and a foreign certificate refused."""
    from typer.testing import CliRunner

    from plait.cli import app

    (tmp_path / "nothing_module.py").write_text(
        "import torch\nfrom plait.tasks import SelectiveCopying, Targets\n\n"
        "class Nothing(SelectiveCopying):\n"
        "    def _label(self, tokens):\n"
        "        return Targets(torch.zeros_like(tokens), torch.ones_like(tokens, dtype=torch.bool))\n"
    )
    (tmp_path / "own_counter.py").write_text(
        "import torch\nfrom plait.tasks import Targets\n\n"
        "class Counter:\n"
        "    vocab_size, token_names = 2, ('0', '1')\n"
        "    def sample(self, stream, batch=8, seq_len=100):\n"
        "        return stream.integers(2, (batch, seq_len), draw=0)\n"
        "    def targets(self, tokens):\n"
        "        return Targets(tokens.cumsum(-1) % 12, torch.ones_like(tokens, dtype=torch.bool))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    name = "nothing_module:Nothing"

    def run(*args):
        return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)

    found = run("bounds", name, "--seq-len", 12, "--seconds", 1, "--json")
    document = json.loads(found.stdout)
    assert [row["value"] for row in document["bounds"]] == [0] * len(document["bounds"])
    assert document["hybrid"] is None
    text = run("bounds", name, "--seq-len", 12, "--seconds", 1).stdout
    assert "proved" not in text
    counter = run("bounds", "own_counter:Counter", "--seq-len", 12, "--seconds", 2).stdout
    assert re.search(r"pure SSM +needs.* 3\.\d+ +bits +found *\n", counter), counter
    assert "proved" not in counter
    built = run("build", name, "--seq-len", 12, "-o", "m")
    assert built.exit_code == 2
    assert built.stderr.count("\n") == 1
    assert "have a construction" in built.stderr
    (tmp_path / "c.json").write_text(json.dumps(ssm_state_bits(SelectiveCopying()).certificate))
    assert run("check", "c.json").exit_code == 0
    assert run("check", "c.json", "--task", "selective-copying").exit_code == 0
    refused = run("check", "c.json", "--task", name)
    assert refused.exit_code == 1
    assert f"the task given is {name}" in refused.stdout
