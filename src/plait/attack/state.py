"""What a model's state provably carries of a task's contents, beside what it could hold and what the task needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from plait.attack.certified import (
    LIMITS,
    CertifiedBits,
    average_error_limits,
    certified_bits,
    mean_error,
)
from plait.attack.play import Played, play
from plait.memory import count
from plait.model import HybridLM
from plait.tasks.base import Task
from plait.theory import Game, open_game, ssm_state_bits
from plait.theory.certificate import state_certificate
from plait.theory.exact_numbers import log2_floor
from plait.theory.families import StateFamily, families
from plait.theory.recurrent import LEAST_SHARE

Certificate = Mapping[str, object] | str | bytes


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A game with what belongs to it.

    Attributes:
        what: is chosen freely in a prefix, in words.
        answers: the tokens that can be right.
        needed_bits: of state, by the task's own bound or a search; None where only a certificate is known.
    """

    game: Game
    what: str
    answers: Sequence[int]
    needed_bits: Fraction | int | None


def known_contents(task: Task, seq_len: int) -> Contents:
    """The contents of the task's best family within `seq_len` tokens.

    Raises:
        ValueError: a task without a family, or none that fits.
    """
    family = choose_family(task, seq_len)
    assert family.answers is not None
    written = state_certificate(task, family, Fraction(0))
    if written is None:
        raise ValueError(f"the contents of {type(task).__name__} at this size are too many to be written out")
    needed = ssm_state_bits(task, seq_len=seq_len).value
    game = open_game(written[0])
    return Contents(game=game, what=family.description, answers=family.answers, needed_bits=needed)


def certified_contents(task: Task, certificate: Certificate) -> Contents:
    """The contents of a certificate about the task.

    Raises:
        ValueError: a certificate that is refused, of another task, or without contents.
    """
    game = open_game(certificate, task=task)
    answers = sorted(game.claim.answers or range(task.vocab_size))
    return Contents(game=game, what="the contents of the certificate", answers=answers, needed_bits=None)


def found_contents(task: Task, *, seq_len: int, seconds: float, seed: int) -> Contents | None:
    """The contents that a search finds in a task, or those written down for it: of what can be read back the more.

    None where neither can be.

    Raises:
        ValueError: a budget that is not positive.
    """
    from plait.theory.search import best_state_bits

    for bound in best_state_bits(task, seq_len=seq_len, seconds=seconds, seed=seed):
        certificate = None if bound is None else bound.certificate  # none where it would be too long
        codec = None if certificate is None else certificate["codec"]
        if (
            bound is None
            or certificate is None
            or not isinstance(codec, Mapping)
            or codec["kind"] == "random"
        ):
            continue
        game = open_game(certificate, task=task)
        answers = sorted(game.claim.answers or range(task.vocab_size))
        what = "contents found by search" if bound.found else "contents of a table"
        return Contents(game=game, what=what, answers=answers, needed_bits=bound.value)
    return None


def choose_family(task: Task, seq_len: int) -> StateFamily:
    """The family of most bits less what its queries ask twice, of those whose every query has an answer.

    Raises:
        ValueError: a task without a family, or none within `seq_len` tokens.
    """
    usable = [
        family
        for family in families(task, seq_len)
        if family.size > 1 and family.share >= LEAST_SHARE and family.answers is not None
    ]
    if not usable:
        raise ValueError(
            f"needed two contents of {type(task).__name__} that {seq_len} tokens can hold and ask about: "
            "longer inputs, or more words"
        )
    return max(usable, key=lambda family: 2 * math.log2(family.size) - _asked_bits(family))


def _asked_bits(family: StateFamily) -> float:
    assert family.answers is not None
    return len(family.queries) * math.log2(len(family.answers))


_CONFIDENCE = Fraction(99, 100)
"""Of what an attack certifies from contents that were drawn."""


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
    bounds = certified_bits(played, answers=n_answers, confidence=_CONFIDENCE)
    return StateAttack(
        content=contents.what,
        prefix_length=game.prefix_length,
        content_bits=log2_floor([(game.size, 1)], parts=1000),
        queries=len(game.queries),
        answers=n_answers,
        played=played,
        error=mean_error(played),
        error_limits=average_error_limits(played, (1 - _CONFIDENCE) / LIMITS),
        bounds=bounds,
        confidence=Fraction(1) if played.every else _CONFIDENCE,
        carried_bits=max(bound.low for bound in bounds),
        held={name: getattr(held, name) for name in ("ssm_state", "conv_tail", "kv_cache")},
        held_bits=8 * held.state_bytes,
        needed_bits=contents.needed_bits,
    )
