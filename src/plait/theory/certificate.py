"""Certificates: plain JSON that states a bound and everything needed to check it.

    {"format": "plait certificate", "version": 1, "quantity": "state bits", "task": "associative-recall",
     "params": {"n_words": 32}, "bits": 154.99, "error": 0, "confidence": 0.999999, "trials": 2000,
     "suffixes": [[0], [1], ..], "queries": [[0, 0], [1, 0], ..], "answers": null, "tables": [],
     "codec": {"kind": "trees", ..}, "digest": ".."}

An error above 0 is an average over all contents that the codec can write and all queries: `error_over` says so. The
digest guards against slips; soundness rests on the checker alone. Source: docs/theory.md, section 4.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

from plait.checks import present_name
from plait.tasks import task_to_json
from plait.theory.checker.claim import ERROR_OVER, content_steps
from plait.theory.checker.game import MOST_EXHAUSTIVE, MOST_WORK
from plait.theory.checker.rules import RULES
from plait.theory.exact_numbers import ALPHA, least_success_rate, log2_floor
from plait.theory.families.family import StateFamily
from plait.theory.repaired import Retrieval, counting_states

_MOST_TRIALS, FEWEST_TRIALS = 2000, 20
"""Contents that the checker draws where it cannot try all: as many as fit into half of its steps."""

_STEP = 1000
_WORK = MOST_WORK // 2
"""Steps of the checker beyond which the certificate asks for fewer trials."""

_LONGEST = 400_000
"""Tokens beyond which a family is not written out; the checker's limit counts commas and brackets as well."""


def state_certificate(
    task: object, family: StateFamily, error: Fraction
) -> tuple[dict[str, object], Fraction] | None:
    """The certificate of a family at an error rate, and the bits that it claims; None where it is too long.

    Where contents are sampled, the claim is what the checker certifies unless it is unluckier than once in a
    million times.
    """
    error = max(error, Fraction(repr(float(error))))  # the file holds a decimal
    if sum(map(len, family.tables)) + sum(map(len, family.suffixes)) > _LONGEST:
        return None
    document: dict[str, object] = {
        **_head("state bits", task),
        **_filler(family),
        "bits": 0,
        "error": float(error),
        **({"error_over": ERROR_OVER} if error else {}),
        "confidence": float(1 - ALPHA),
        "trials": FEWEST_TRIALS,
        "tables": [list(table) for table in family.tables],
        "suffixes": [list(suffix) for suffix in family.suffixes],
        "queries": [list(query) for query in family.queries],
        "answers": list(family.answers) if error and family.answers is not None else None,
        "codec": dict(family.codec),
    }
    try:
        steps = content_steps(sealed(document))
    except ValueError:
        return None
    if family.size <= MOST_EXHAUSTIVE and family.size * steps <= MOST_WORK:
        share, confidence, trials = Fraction(family.contents, family.size), Fraction(1), _MOST_TRIALS
    else:
        trials = max(FEWEST_TRIALS, min(_MOST_TRIALS, _WORK // steps))
        share = least_success_rate(_pessimistic(family.share, trials), trials, ALPHA)
        confidence = 1 - ALPHA
        if trials * steps > MOST_WORK:
            return None
    bits = log2_floor([(states_needed(family, error, share), 1)], parts=_STEP)
    claim = {"bits": float(bits), "confidence": float(confidence), "trials": trials}
    return sealed({**document, **claim}), bits


def found_certificate(task: object, family: StateFamily, bits: Fraction) -> dict[str, object]:
    """The certificate of a family found by search, claiming `bits` at error 0.

    Contents that are slow to check, such as slots that the checker has to simulate, get fewer trials.
    """
    document = {
        **_head("state bits", task),
        **_filler(family),
        "bits": float(bits),
        "error": 0,
        "confidence": float(1 - ALPHA),
        "trials": FEWEST_TRIALS,
        "tables": [[int(token) for token in table] for table in family.tables],
        "suffixes": [[int(token) for token in suffix] for suffix in family.suffixes],
        "queries": [[int(number), int(position)] for number, position in family.queries],
        "answers": None,
        "codec": dict(family.codec),
    }
    try:
        steps = content_steps(sealed(document), task=task if ":" in str(document["task"]) else None)
    except ValueError:  # random prefixes, or more than the checker reads: it says which
        return sealed(document)
    trials = max(FEWEST_TRIALS, min(_MOST_TRIALS, _WORK // (4 * steps)))  # a search checks several
    return sealed({**document, "trials": trials})


def states_needed(family: StateFamily, error: Fraction, share: Fraction) -> int:
    """States that a share of the family's contents, told apart by its queries, forces.

    The error is an average over all contents of the family, so on that share it may be larger by as much as the
    share is smaller than the whole.
    """
    contents = max(1, -(-share.numerator * family.size // share.denominator))
    if not error or family.answers is None:
        return contents
    if error >= share:
        return 1
    game = Retrieval(size=contents, queries=len(family.queries), answers=len(family.answers))
    return counting_states(game, error / share)


def reach_certificate(task: object, tokens: int, inputs: Sequence[Sequence[int]]) -> dict[str, object]:
    """The certificate of a reach: two inputs that agree on their last `tokens` tokens, with different last targets."""
    document = {
        **_head("reach", task),
        "tokens": tokens,
        "confidence": 1,
        "inputs": [list(row) for row in inputs],
    }
    return sealed(document)


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The document with its digest, replacing one that it has."""
    content = {key: value for key, value in document.items() if key != "digest"}
    return {**content, "digest": hashlib.sha256(_spelled(content).encode()).hexdigest()}


def described(task: object) -> dict[str, object]:
    """Name and parameters as a certificate has them; of a user's own task, those parameters that JSON can hold.

    A task of plait for which the checker has no rule is named as a user's own is, `module:Class`, and checked as one.
    """
    own = type(task)
    try:
        document = task_to_json(task)  # pyright: ignore[reportArgumentType]  # any task with the four members
    except ValueError:
        return {"task": f"{own.__module__}:{own.__qualname__}", "params": {}}
    params = document["params"]
    assert isinstance(params, dict)
    name = str(document["task"])
    return {
        "task": present_name(name)
        if ":" in name or name in RULES
        else f"{own.__module__}:{own.__qualname__}",
        "params": {key: value for key, value in params.items() if _is_json(value)},
    }


def _head(quantity: str, task: object) -> dict[str, object]:
    return {"format": "plait certificate", "version": 1, "quantity": quantity, **described(task)}


def _filler(family: StateFamily) -> dict[str, object]:
    """What a certificate says of a family behind a filler."""
    if not family.filler:
        return {}
    filler = [int(token) for token in family.filler]
    return {"quantity": "recurrent state bits", "filler": filler, "reach": len(filler)}


def _is_json(value: object) -> bool:
    try:
        return json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError, RecursionError):
        return False


def _pessimistic(share: Fraction, trials: int) -> int:
    """Successes among the trials that are missed with a probability below 10^-6 (five deviations)."""
    mean, variance = trials * share, trials * share * (1 - share)
    return max(0, int(mean - 5 * Fraction(float(variance) ** 0.5) - (share < 1)))


def _spelled(value: object) -> str:
    """Sorted keys, no blanks, every number a fraction in lowest terms."""
    if type(value) is int:
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_spelled(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_spelled(item) for item in value) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(Fraction(repr(value)))
    return json.dumps(value)
