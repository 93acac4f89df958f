"""The experiments' vocabularies, sampled: every carried layout in every type, and inputs made to be hard."""

import dataclasses

import pytest
import torch
from construction_cases import COPYING, RECALL, judge, sampled
from torch import Tensor

from plait.constructions import decoding_recall, layouts, selective_copying, smallest
from plait.tasks import DecodingRecall, SelectiveCopying

DTYPES = (torch.float64, torch.float32, torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_copying_the_experiments_words(dtype: torch.dtype) -> None:
    for plan in layouts(COPYING, 100, dtype=dtype)[:6]:
        if plan.carried():
            verdict = judge(plan.build(), COPYING, sampled(COPYING, batch=64))
            assert verdict.wrong == 0, plan.name
            assert verdict.gap >= plan.margins().logit_gap or not plan.proved(), plan.name


@pytest.mark.parametrize("variant", ["adversarial", "repetitive"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_copying_other_distributions(variant: str, dtype: torch.dtype) -> None:
    task = dataclasses.replace(COPYING, variant=variant)
    for model in (selective_copying(COPYING, 100, dtype=dtype), smallest(COPYING, 100, dtype=dtype)):
        assert judge(model, COPYING, sampled(task, batch=100)).wrong == 0


def far_apart(task: SelectiveCopying) -> Tensor:
    """Every pair of numbers, the first held over 400 words, then back to back with the second, then words."""
    numbers = range(task.n_words, task.ordinary_tokens)
    words = sampled(dataclasses.replace(task, p_number=0.0), batch=len(numbers) ** 2, seq_len=430)
    for row, (first, second) in enumerate((a, b) for a in numbers for b in numbers):
        words[row, 10], words[row, 410], words[row, 411] = first, first, second
    return words


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_copying_holds_a_number_and_changes_it_at_once(dtype: torch.dtype) -> None:
    tokens = far_apart(COPYING)
    for model in (selective_copying(COPYING, 430, dtype=dtype), smallest(COPYING, 430, dtype=dtype)):
        assert judge(model, COPYING, tokens).wrong == 0


@pytest.mark.parametrize(
    ("n_words", "numbers"),
    [(1, (1,)), (2, (3,)), (3, (1, 40)), (1000, tuple(range(1, 65))), (5, tuple(range(1, 30))), (7, (250,))],
)
def test_copying_any_words_and_numbers(n_words: int, numbers: tuple[int, ...]) -> None:
    task = SelectiveCopying(n_words=n_words, numbers=numbers)
    length = 2 * max(numbers) + 20
    for model in (selective_copying(task, length), smallest(task, length)):
        assert judge(model, task, sampled(task, batch=12, seq_len=length)).wrong == 0


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("p_bit", [0.05, 0.2, 0.8])
def test_recall_of_five_bits(p_bit: float, dtype: torch.dtype) -> None:
    task = dataclasses.replace(RECALL, p_bit=p_bit)
    tokens = sampled(task, batch=48)
    for plan in layouts(RECALL, 100, success=1.0, dtype=dtype)[:5]:
        if plan.carried():
            verdict = judge(plan.build(), RECALL, tokens)
            assert verdict.wrong == 0, plan.name
            assert verdict.gap >= plan.margins().logit_gap or not plan.proved(), plan.name


def registers_and_ties(task: DecodingRecall) -> Tensor:
    """Runs of zeros, of ones and of both in turn, each after the same words twice, so that keys tie."""
    words = torch.randperm(task.n_words, generator=torch.Generator().manual_seed(0))
    zero, one = task.n_words, task.n_words + 1
    runs = [[zero] * 12, [one] * 12, [zero, one] * 6, [one, one, zero] * 4]
    rows = [torch.cat((words[:20], words[:20], torch.tensor(run), words[20:28])) for run in runs]
    return torch.stack(rows)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_recall_of_extreme_registers_and_ties(dtype: torch.dtype) -> None:
    tokens = registers_and_ties(RECALL)
    for plan in layouts(RECALL, tokens.shape[-1], success=1.0, dtype=dtype)[:5]:
        if plan.carried():
            assert judge(plan.build(), RECALL, tokens).wrong == 0, plan.name


def test_recall_holds_its_register_over_words() -> None:
    task = dataclasses.replace(RECALL, p_bit=0.0)
    tokens = sampled(task, batch=8, seq_len=1500)
    tokens[:, 20:25] = torch.tensor([33, 32, 33, 33, 32])
    for pattern in ("SSM-TF", "SSM-TF-TF"):
        model = decoding_recall(RECALL, 1500, success=1.0, pattern=pattern)
        assert judge(model, RECALL, tokens).wrong == 0


@pytest.mark.parametrize(
    ("n_bits", "dtype"),
    [(3, torch.float32), (4, torch.float32), (6, torch.float32), (8, torch.float32), (8, torch.float64)],
)
def test_recall_of_other_registers(n_bits: int, dtype: torch.dtype) -> None:
    task = DecodingRecall(n_bits=n_bits)
    model = decoding_recall(task, 300, success=1.0, dtype=dtype)
    assert judge(model, task, sampled(task, batch=8, seq_len=300)).wrong == 0


def test_the_last_bits_variant() -> None:
    task = DecodingRecall(n_bits=3, variant="last")
    model = decoding_recall(task, 40, success=1.0)
    verdict = judge(model, task, sampled(task, batch=200, seq_len=40))
    assert verdict.wrong == 0
    assert verdict.scored > 100
