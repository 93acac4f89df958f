"""Lower bounds for a task of one's own, given nothing but its targets: `find_state_bits`.

Stages, in turn until the time is out: what followed a key last (forests, trees, paths), places that are copied, slots
one by one, plain lists and the birthday bound. The best candidate becomes a certificate, which is checked before it is
handed out; so the bound is true at its confidence, and it is labelled as found: a better one may exist. Source:
docs/theory.md, 4.8.
"""

from dataclasses import replace
from fractions import Fraction

from plait.theory.bound import Bound, filled_statement
from plait.theory.certificate import found_certificate
from plait.theory.checker import check
from plait.theory.families.family import StateFamily
from plait.theory.recurrent import printed_of
from plait.theory.search.copies import copied_candidates
from plait.theory.search.followers import follower_candidates
from plait.theory.search.lists import listed_candidates
from plait.theory.search.oracle import Oracle
from plait.theory.search.slots import slot_candidates

_LEAST_SHARE = Fraction(1, 50)
_KEPT = 8
_SURELY_READ = Fraction(93, 100)
"""What all of a few hundred trials prove: nothing was seen to fail."""


def find_state_bits(task: object, *, seq_len: int = 100, seconds: float = 60, seed: int = 0) -> Bound:
    """Bits of state without which no recurrent model is right at every scored position of this task.

    Args:
        task: anything with `targets` and `vocab_size`; nothing else of it is used.
        seq_len: tokens that inputs may have.
        seconds: the budget of time.
        seed: of the search's random choices.

    Raises:
        ValueError: a budget that is not positive, a seq_len below 2, or a task without targets.
    """
    oracle = Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed)
    bound = best_bound(oracle, candidate_families(oracle), seq_len)
    if bound is not None:
        return bound
    return Bound(
        quantity="state bits",
        value=Fraction(0),
        found=True,
        statement=f"No family was found on inputs of {seq_len} tokens in the time given; that proves nothing.",
    )


def candidate_families(oracle: Oracle) -> list[StateFamily]:
    """The families of most contents that the stages find while time is left, best first; each stage has its share."""
    stages = [
        stage(oracle)
        for stage in (follower_candidates, listed_candidates, copied_candidates, slot_candidates)
    ]
    used = dict.fromkeys(range(len(stages)), 0.0)
    best: list[StateFamily] = []
    while used and oracle.left() > 0:
        number = min(used, key=lambda stage: used[stage])
        before = oracle.left()
        try:
            family = next(stages[number])
        except StopIteration:
            del used[number]
            continue
        used[number] += before - oracle.left()
        if family is not None and family.share >= _LEAST_SHARE and family.size > 1:
            family = replace(family, filler=oracle.filler.tolist())
            if not best or family.size * family.share > best[0].size * best[0].share:
                used[number] /= 2  # what found more may go on
            best = sorted([*best, family], key=lambda f: f.size * f.share, reverse=True)[:_KEPT]
    return best


def best_bound(oracle: Oracle, candidates: list[StateFamily], seq_len: int) -> Bound | None:
    """The bound of the first candidate for which the checker accepts any; None if it accepts none."""
    for candidate in candidates:
        bound = _certified(oracle.task, candidate, seq_len)
        if bound is not None:
            return bound
    return None


def _certified(task: object, candidate: StateFamily, seq_len: int) -> Bound | None:
    certificate = found_certificate(task, candidate, Fraction(0))
    verdict = check(certificate, task=task if ":" in str(certificate["task"]) else None)
    # Another draw of contents may go a little worse.
    slack = Fraction(0) if verdict.confidence == 1 or candidate.share > _SURELY_READ else Fraction(1, 4)
    bits = (verdict.bits or Fraction(0)) - slack
    if bits <= 0:
        return None
    certificate = found_certificate(task, candidate, bits)
    return Bound(
        quantity=str(certificate["quantity"]),
        value=bits,
        confidence=verdict.confidence,
        certificate=certificate,
        certified=bits,
        found=True,
        printed=None if candidate.filler else printed_of(candidate, int(task.vocab_size)),  # pyright: ignore
        statement=_statement(candidate, seq_len),
    )


def _statement(candidate: StateFamily, seq_len: int) -> str:
    if candidate.filler:
        return f"{filled_statement(candidate, seq_len)} Found by search, not optimal."
    return (
        f"A model right at every scored position of every input of {seq_len} tokens carries this much over the cut "
        f"after token {candidate.prefix_length}: {candidate.description}. Found by search, not optimal."
    )
