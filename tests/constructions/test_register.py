"""Registers and windows: what the lemmas compute, against brute force and measured rates."""

import math

import pytest
import torch

from plait.constructions import match_rate, smallest_window, success_rate
from plait.constructions.recall import two_numbers
from plait.constructions.recall_plan import latest_match
from plait.constructions.register import (
    Register,
    largest_gap,
    largest_lead,
    scaled,
    single_decay,
    widest_gap_decay,
)
from plait.constructions.rotary import Recency
from plait.random import TEST, Stream
from plait.tasks import DecodingRecall


def registers() -> list[Register]:
    found = [single_decay(b) for b in (1, 2, 3, 5)] + [widest_gap_decay(b) for b in (1, 2, 3, 5)]
    found += [largest_lead(b) for b in (3, 5)] + [largest_gap(b) for b in (2, 5)]
    found += [two_numbers(b) for b in (4, 5, 6, 7)]
    return [register for register in found if register is not None]


@pytest.mark.parametrize("register", registers(), ids=lambda r: f"{r.n_bits}-{r.width}-{len(r.decays)}")
def test_the_nearest_level_is_the_word(register: Register) -> None:
    """Random histories of bits and words: the lead measured is never below the one computed."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2, (400, 60), generator=generator)
    is_bit = torch.rand(400, 60, generator=generator) < 0.7
    numbers = register.numbers(bits, is_bit) - register.middle
    word = torch.zeros_like(bits[:, 0])
    levels, least = register.levels, math.inf
    for position in range(60):
        shifted = (2 * word + bits[:, position]) % 2**register.n_bits
        word = torch.where(is_bit[:, position], shifted, word)
        squares = (numbers[:, position].unsqueeze(1) - levels).square().sum(-1)
        own = squares.gather(1, word.unsqueeze(1)).squeeze(1)
        others = squares.scatter(1, word.unsqueeze(1), math.inf).amin(-1)
        assert torch.equal(squares.argmin(-1), word)
        least = min(least, float((others - own).min()) / 2)
    assert least >= register.lead * (1 - 1e-9) > 0
    assert least < 40 * register.lead
    assert register.reach == pytest.approx(0.5)


@pytest.mark.parametrize("n_bits", [2, 3, 4, 5])
def test_closed_forms_beat_their_neighbours(n_bits: int) -> None:
    for make, quality in ((single_decay, "lead"), (widest_gap_decay, "gap")):
        best = make(n_bits)
        for factor in (0.98, 1.02):
            decay = best.decays[0] * factor
            near = scaled(Register(n_bits=n_bits, decays=(decay,), maps=((1.0,),)))
            assert getattr(near, quality) < getattr(best, quality)
    gap = widest_gap_decay(n_bits)
    assert gap.gap == pytest.approx(gap.decays[0] ** (n_bits - 1) * (1 - 2 * gap.decays[0]))


def test_an_error_takes_from_the_lead() -> None:
    register = two_numbers(5)
    assert register is not None
    assert register.lead > register.lead_with_error(1e-4) > register.lead_with_error(1e-3)
    assert register.lead_with_error(0.1) < 0


@pytest.mark.parametrize("window", [1, 2, 99, 1500])
def test_recency_falls_by_its_nats_at_every_step(window: int) -> None:
    recency = Recency(window=window, miss=0.01)
    t = torch.arange(window, dtype=torch.float64)
    score = recency.sharpness * torch.cos(recency.turns.values[0] * t + math.pi / 4)
    assert bool((score[:-1] - score[1:] >= recency.nats * (1 - 1e-9)).all())
    assert float(score[0] - score[-1]) <= math.sqrt(2) * recency.sharpness
    older = math.exp(-recency.kept) / (1 - math.exp(-recency.kept))
    assert older + math.exp(-recency.kept) <= recency.miss


def test_latest_match_is_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 5, (20, 30), generator=generator)
    wanted = torch.randint(0, 5, (20, 30), generator=generator)
    distance, found = latest_match(tokens, wanted)
    for row in range(20):
        for i in range(30):
            places = [j for j in range(i) if int(tokens[row, j]) == int(wanted[row, i])]
            assert bool(found[row, i]) == bool(places)
            assert not places or int(distance[row, i]) == i - (max(places) + 1)


def test_windows_of_the_paper() -> None:
    assert smallest_window(DecodingRecall(), 0.99) == 182
    assert smallest_window(DecodingRecall(n_bits=8), 0.99) == 1472
    assert success_rate(DecodingRecall(), 50) == pytest.approx(0.7180, abs=5e-5)
    assert match_rate(DecodingRecall(p_bit=0.5)) == 0.5 / 32


@pytest.mark.parametrize("success", [0.0, 0.5, 0.9, 0.99, 0.999999])
@pytest.mark.parametrize("n_bits", [1, 2, 5])
def test_smallest_windows_are_smallest(n_bits: int, success: float) -> None:
    for variant in ("interleaved", "last"):
        task = DecodingRecall(n_bits=n_bits, variant=variant)
        keys = smallest_window(task, success)
        assert success_rate(task, keys) >= success
        assert keys == 1 or success_rate(task, keys - 1) < success


@pytest.mark.parametrize("keys", [10, 50, 100, 182])
def test_success_rates_measured(keys: int) -> None:
    """One position a sequence, so that samples are independent: within four standard errors."""
    task, n = DecodingRecall(), 40_000
    tokens = task.sample(Stream(0, 0, TEST), batch=n, seq_len=keys + 1)
    register, _ = task.control(tokens)
    measured = float((tokens[:, :-1] == register[:, -1:]).any(-1).double().mean())
    expected = success_rate(task, keys)
    assert abs(measured - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


def test_a_window_has_its_success_rate_from_its_own_length_on() -> None:
    """Theorem 7.9: at position i < K there are only i tokens to look at, so there the rate is that of a window of i."""
    task, n, keys = DecodingRecall(), 40_000, 60
    tokens = task.sample(Stream(1, 0, TEST), batch=n, seq_len=keys + 20)
    register, _ = task.control(tokens)
    for position in (8, 25, keys, keys + 19):
        before = tokens[:, max(0, position - keys) : position]
        measured = float((before == register[:, position, None]).any(-1).double().mean())
        expected = success_rate(task, min(position, keys))
        assert abs(measured - expected) < 4 * math.sqrt(expected * (1 - expected) / n)
        assert position >= keys or measured < success_rate(task, keys) - 0.05
