"""Every sequence of small domains, in every layout and type, with the counts known beforehand."""

import pytest
import torch
from construction_cases import DOMAINS, every_sequence, judge

from plait.constructions import Plan, layouts
from plait.layers import MambaLayer, TransformerLayer
from plait.tasks import DecodingRecall, SelectiveCopying

DTYPES = (torch.float64, torch.float32, torch.bfloat16)

LAST_DEFINED = {(4, 4, 2): 240, (5, 3, 1): 211, (5, 4, 2): 992, (6, 3, 2): 728, (6, 4, 3): 4095}
WITHOUT_NUMBER = {(4, 4, 2): 16, (5, 3, 1): 32, (5, 4, 2): 32, (6, 3, 2): 1, (6, 4, 3): 1}


def copying(domain: tuple[int, int, int]) -> SelectiveCopying:
    _, n_tokens, n_numbers = domain
    return SelectiveCopying(n_words=n_tokens - n_numbers, numbers=tuple(range(1, n_numbers + 1)))


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_domains_hold_what_is_known_of_them(domain: tuple[int, int, int]) -> None:
    length, n_tokens, _ = domain
    task, tokens = copying(domain), every_sequence(n_tokens, length)
    scored = task.targets(tokens).scored
    without = (tokens < task.n_words).all(-1)
    assert int(scored[:, -1].sum()) == LAST_DEFINED[domain]
    assert int(without.sum()) == WITHOUT_NUMBER[domain]
    assert len(tokens) == LAST_DEFINED[domain] + WITHOUT_NUMBER[domain]


def carried(plans: list[Plan]) -> list[Plan]:
    good = [plan for plan in plans if plan.carried()]
    assert good
    return good


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("domain", DOMAINS)
def test_selective_copying_is_right_on_every_sequence(
    domain: tuple[int, int, int], dtype: torch.dtype
) -> None:
    length, n_tokens, _ = domain
    task, tokens = copying(domain), every_sequence(n_tokens, length)
    scored = int(task.targets(tokens).scored.sum())
    for plan in carried(layouts(task, length, dtype=dtype))[:6]:
        verdict = judge(plan.build(), task, tokens)
        assert verdict.scored == scored
        assert verdict.wrong == 0, plan.name
        assert verdict.gap >= plan.margins().logit_gap or not plan.proved(), plan.name


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize(("n_bits", "length"), [(1, 6), (1, 8), (2, 5)])
def test_decoding_recall_is_right_on_every_sequence(n_bits: int, length: int, dtype: torch.dtype) -> None:
    task = DecodingRecall(n_bits=n_bits)
    tokens = every_sequence(task.ordinary_tokens, length)
    for plan in carried(layouts(task, length, success=1.0, dtype=dtype)):
        verdict = judge(plan.build(), task, tokens)
        assert verdict.wrong == 0, plan.name
        assert verdict.gap >= plan.margins().logit_gap, plan.name


def test_decoding_recall_of_one_bit_is_right_in_bfloat16() -> None:
    task = DecodingRecall(n_bits=1)
    tokens = every_sequence(task.ordinary_tokens, 6)
    for plan in carried(layouts(task, 6, success=1.0, dtype=torch.bfloat16)):
        assert judge(plan.build(), task, tokens).wrong == 0, plan.name


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_plain_operations_agree_with_the_compiled_kernels(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MambaLayer, "forward", MambaLayer.reference_forward)
    monkeypatch.setattr(TransformerLayer, "forward", TransformerLayer.reference_forward)
    length, n_tokens, _ = DOMAINS[-1]
    task = copying(DOMAINS[-1])
    for plan in layouts(task, length, dtype=dtype)[:2]:
        assert judge(plan.build(), task, every_sequence(n_tokens, length)).wrong == 0
    recall = DecodingRecall(n_bits=2)
    for plan in layouts(recall, 5, success=1.0, dtype=dtype)[:3]:
        assert judge(plan.build(), recall, every_sequence(recall.ordinary_tokens, 5)).wrong == 0
