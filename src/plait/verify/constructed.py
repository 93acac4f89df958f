"""What a folder of a constructed model claims, and whether the model in it is still the one that was built."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from plait.checks import one_line
from plait.compiler import Program, ProgramPlan, load_plan, meaning_of, program_to_json
from plait.constructions import Plan
from plait.constructions.files import CONSTRUCTION
from plait.model import HybridConfig, HybridLM, load
from plait.model.checkpoint import load_config
from plait.tasks import TASKS, DecodingRecall, SelectiveCopying, Task, task_name
from plait.verify.result import Claims


@dataclass(frozen=True, kw_only=True)
class Constructed:
    """A model beside its plan.

    Attributes:
        plan: what it was built from.
        changed: names of the tensors that are not the plan's; of these nothing is proved.
    """

    plan: Plan
    changed: tuple[str, ...]

    @property
    def claims(self) -> Claims:
        window = None if isinstance(self.plan, ProgramPlan) else self.plan.config().layer_specs()[-1].window
        if self.changed:
            return Claims(window=window)
        margins = self.plan.margins()
        attention = margins.attention if math.isfinite(margins.attention) else None
        return Claims(window=window, logit_gap=margins.logit_gap, attention=attention)

    def claims_for(self, task: Task) -> Claims:
        """What is claimed when it is held against `task`: nothing where plait cannot know that this is its own.

        Raises:
            ValueError: a built-in task or a program with other answers than the one that it was built for.
        """
        if isinstance(task, Program) and isinstance(self.plan, ProgramPlan):
            if meaning_of(program_to_json(task)) != meaning_of(program_to_json(self.plan.task)):
                raise ValueError("this model was compiled from another program than this one")
            return self.claims
        if isinstance(self.plan, ProgramPlan):
            return Claims()
        if type(task) not in TASKS.values():
            return Claims()
        if _answers(task) != _answers(self.plan.task):
            raise ValueError(
                f"this model was built for {_answers(self.plan.task)}, which is another task than {_answers(task)}"
            )
        return self.claims


def _answers(task: Task) -> str:
    """What decides a task's answers, in words: not how often which token is drawn."""
    decide: dict[type, tuple[str, ...]] = {
        SelectiveCopying: ("n_words", "numbers"),
        DecodingRecall: ("n_bits",),
    }
    fields = decide.get(type(task), ())
    values = ", ".join(f"{name}={getattr(task, name)}" for name in fields)
    return f"{task_name(task)} ({values})" if values else task_name(task)


def constructed(folder: str | Path, model: HybridLM) -> Constructed | None:
    """The plan beside the model of `folder`; None where there is none, as for trained models.

    Raises:
        ValueError: a plan that cannot be read, or a config that is not the plan's: it was changed by hand.
    """
    plan = _plan_of(folder, model.config)
    return None if plan is None else Constructed(plan=plan, changed=_changed(model, plan))


def load_constructed(folder: str | Path, *, trust_code: bool = False) -> tuple[HybridLM, Constructed | None]:
    """`plait.load` and `constructed` in one; a config that was changed by hand is refused before weights are read.

    Raises:
        ValueError: what either of them refuses.
    """
    plan = _plan_of(folder, None)
    model = load(folder, trust_code=trust_code)
    return model, None if plan is None else Constructed(plan=plan, changed=_changed(model, plan))


def _plan_of(folder: str | Path, config: HybridConfig | None) -> Plan | None:
    """The plan in `folder`, held against `config`, or against the file beside it."""
    if not (Path(folder) / CONSTRUCTION).exists():
        return None
    plan = load_plan(folder)
    found = (config or load_config(folder)).to_json()
    for name, wanted in plan.config().to_json().items():
        if found[name] != wanted:
            raise ValueError(
                f"{Path(folder) / 'config.json'}: {name} is {found[name]}, and the model was built with {wanted}: "
                "nothing is proved of another one"
            )
    return plan


def _changed(model: HybridLM, plan: Plan) -> tuple[str, ...]:
    """Names of the tensors that are not the plan's.

    Raises:
        ValueError: numbers in the plan that no weights follow from, as after a change by hand.
    """
    try:
        weights = plan.weights()
        plan.margins()
    except (ArithmeticError, LookupError) as error:
        raise ValueError(f"{CONSTRUCTION}: no weights follow from its numbers: {one_line(error)}") from error
    dtype = model.embedding.weight.dtype
    slack = 4.0 * torch.finfo(dtype).eps
    names: list[str] = []
    for name, tensor in model.state_dict().items():
        if not torch.allclose(tensor.double(), weights[name].to(dtype).double(), rtol=slack, atol=0.0):
            names.append(name)
    return tuple(names)
