"""Compiled programs in the classes of transformers: every input of small ones, folders, what has no window."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from program_cases import EXAMPLES, STATEMENTS, example, program_of, small
from transformers import AutoModelForCausalLM

from plait.compiler import Program, plan_program
from plait.compiler.lookups import Mean
from plait.compiler.lower import lower
from plait.export import WindowNeededError, bamba_program, export_hf, right_answers
from plait.export.folder import quiet_transformers
from plait.random import Stream
from plait.verify.inputs import Domain, occurring_tokens
from plait.verify.reading import logit_leads

pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


@torch.no_grad()
def least_lead(model: torch.nn.Module, program: Program, tokens: torch.Tensor) -> float:
    targets = program.targets(tokens)
    assert bool(targets.scored.any())
    with quiet_transformers():
        return float(logit_leads(model(tokens).logits, targets).min())


@pytest.mark.parametrize(
    "name", ["selective_copying", "mqar_first", "parity", "induction_2", "address_table"]
)
def test_every_input_of_a_small_program(name: str) -> None:
    program, seq_len = small(name)
    seq_len = min(seq_len, 6)
    domain = Domain(n_tokens=occurring_tokens(program), seq_len=seq_len)
    rows = domain.rows(0, min(domain.inputs, 4000))
    assert least_lead(bamba_program(plan_program(program, seq_len)), program, rows) > 0.0


def needs_a_window(statement: Callable[[Program], None]) -> bool:
    """Whether the statements of the case look through a window."""
    statements = lower(program_of(statement)).labels
    return any(isinstance(one, Mean) or getattr(one, "last", None) is not None for one in statements)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: one.__name__)
def test_every_statement(statement: Callable[[Program], None]) -> None:
    program = program_of(statement)
    plan = plan_program(program, 12)
    if needs_a_window(statement):
        with pytest.raises(WindowNeededError, match="looks through a window"):
            bamba_program(plan)
    else:
        rows = program.sample(Stream(1), batch=20, seq_len=12)
        assert least_lead(bamba_program(plan), program, rows) > 0.0


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "majority"])
def test_every_example_answers_as_its_own_model(name: str) -> None:
    program = example(name)
    plan = plan_program(program, 100)
    tokens = program.sample(Stream(2), batch=8, seq_len=100)
    targets = program.targets(tokens)
    with quiet_transformers():
        answers = bamba_program(plan)(tokens).logits.argmax(-1)
    assert torch.equal(answers[targets.scored], targets.tokens[targets.scored])
    assert torch.equal(answers[targets.scored], plan.build()(tokens).argmax(-1)[targets.scored])


def test_a_fault_in_its_weights_shows() -> None:
    program, seq_len = small("selective_copying")
    model = bamba_program(plan_program(program, seq_len))
    rows = program.sample(Stream(1), batch=200, seq_len=seq_len)
    with torch.no_grad():
        model.get_parameter("model.layers.0.mamba.in_proj.weight").neg_()
    assert least_lead(model, program, rows) < 0.0


def test_a_folder_that_anyone_loads(tmp_path: Path) -> None:
    program = example("induction_2")
    plan = plan_program(program, 60)
    done = export_hf(plan.build(), tmp_path, plan=plan)
    assert done.whole == "BambaForCausalLM"
    assert done.why_not is None
    right, scored = right_answers(tmp_path, program, seq_len=60)
    assert right == scored > 500
    assert json.loads((tmp_path / "plait.json").read_text())["program"]
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(str(tmp_path))
    assert sum(one.numel() for one in model.parameters()) == done.parameters


def test_a_window_leaves_blocks_alone_and_says_why(tmp_path: Path) -> None:
    program, seq_len = small("majority")
    plan = plan_program(program, seq_len)
    done = export_hf(plan.build(), tmp_path, plan=plan)
    assert done.whole is None
    assert "mean looks through a window" in (done.why_not or "")
    assert "mean" in json.loads((tmp_path / "plait.json").read_text())["why_no_class"]
    assert not (tmp_path / "model.safetensors").exists()
