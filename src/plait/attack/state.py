"""What a model's state provably carries of a task's contents, beside what it could hold and what the task needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from plait.attack.certified import (
    LIMITS,
    CertifiedBits,
    average_error_limits,
    certified_bits,
    mean_error,
)
from plait.attack.contents import Contents
from plait.attack.play import Played, play
from plait.memory import count
from plait.model import HybridLM
from plait.theory.integers import log2_floor

CONFIDENCE = Fraction(99, 100)


@dataclass(frozen=True, kw_only=True)
class StateAttack:
    """The outcome of the retrieval game.

    Attributes:
        content: what is chosen freely in a prefix.
        prefix_length: tokens before the cut.
        content_bits: of a content: no bound from this game is higher.
        queries, answers: how many questions there are about a content, and how many answers each may have.
        played: the counts.
        error: share of wrong answers; None where no content has all its answers defined.
        error_limits: of that share.
        bounds: bits carried, by each argument.
        confidence: that all limits hold; 1 where every content was played.
        carried_bits: the best of the lower limits.
        held: scalars of state after the prefix, by part.
        held_bits: their size in memory.
        needed_bits: what a model needs to be right on every input of that length; None where unknown.
    """

    content: str
    prefix_length: int
    content_bits: Fraction
    queries: int
    answers: int
    played: Played
    error: Fraction | None
    error_limits: tuple[Fraction, Fraction]
    bounds: tuple[CertifiedBits, ...]
    confidence: Fraction
    carried_bits: Fraction
    held: Mapping[str, int]
    held_bits: int
    needed_bits: Fraction | int | None


def attack_state(model: HybridLM, contents: Contents, *, samples: int = 1000, seed: int = 0) -> StateAttack:
    """Plays the game against everything that the model carries over the cut: SSM state, convolution tail and cache.

    Args:
        samples: contents that are drawn.
        seed: of those contents.

    Raises:
        ValueError: no sample.
    """
    weight, game, n_answers = model.embedding.weight, contents.game, len(contents.answers)
    longest = count(model.config, game.prefix_length + max(map(len, game.suffixes)), weight.dtype)
    held = count(model.config, game.prefix_length, weight.dtype)
    played = play(
        model,
        game,
        answers=contents.answers,
        samples=samples,
        seed=seed,
        state_scalars=longest.ssm_state + longest.conv_tail + longest.kv_cache,
        device=weight.device,
    )
    bounds = certified_bits(played, answers=n_answers, confidence=CONFIDENCE)
    return StateAttack(
        content=contents.what,
        prefix_length=game.prefix_length,
        content_bits=log2_floor([(game.size, 1)], parts=1000),
        queries=len(game.queries),
        answers=n_answers,
        played=played,
        error=mean_error(played),
        error_limits=average_error_limits(played, (1 - CONFIDENCE) / LIMITS),
        bounds=bounds,
        confidence=Fraction(1) if played.every else CONFIDENCE,
        carried_bits=max(bound.low for bound in bounds),
        held={name: getattr(held, name) for name in ("ssm_state", "conv_tail", "kv_cache")},
        held_bits=8 * held.state_bytes,
        needed_bits=contents.needed_bits,
    )
