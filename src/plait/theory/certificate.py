"""Certificates: plain JSON that states a bound and everything needed to check it.

    {"format": "plait certificate", "version": 1, "quantity": "state bits", "task": "associative-recall",
     "params": {"n_words": 32}, "bits": 154.99, "error": 0, "confidence": 0.999999, "trials": 2000,
     "suffixes": [[0], [1], ..], "queries": [[0, 0], [1, 0], ..], "answers": null, "tables": [],
     "codec": {"kind": "trees", ..}, "digest": ".."}

The digest guards against slips; soundness rests on the checker alone. Source: docs/theory.md, section 4.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

from plait.tasks import task_to_json
from plait.theory.confidence import ALPHA, least_success_rate
from plait.theory.families.family import Family
from plait.theory.integers import log2_floor
from plait.theory.repaired import Retrieval, counting_states

MOST_TRIALS, FEWEST_TRIALS = 2000, 100
EXHAUSTIVE = 10_000
"""Contents up to which the checker tries them all, so that nothing is lost to sampling."""

_STEP = 1000
_WORK = 8_000_000
"""Tokens that the checker may read, beyond which the certificate asks for fewer trials."""


def state_certificate(task: object, family: Family, error: Fraction) -> tuple[dict[str, object], Fraction]:
    """The certificate of a family at an error rate, and the bits that it claims.

    Where contents are sampled, the claim is what the checker certifies unless it is unluckier than once in a
    million times.
    """
    contents, confidence = family.contents, Fraction(1)
    cost = family.prefix_length + sum(position + 4 for _, position in family.queries)
    trials = max(FEWEST_TRIALS, min(MOST_TRIALS, _WORK // cost))
    if family.size > EXHAUSTIVE:
        rate = least_success_rate(_pessimistic(family.share, trials), trials, ALPHA)
        contents = max(1, -(-rate.numerator * family.size // rate.denominator))
        confidence = 1 - ALPHA
    bits = claimed_bits(contents, family, error)
    document = {
        **_head("state bits", task),
        "bits": float(bits),
        "error": float(error),
        "confidence": float(confidence),
        "trials": trials,
        "tables": [list(table) for table in family.tables],
        "suffixes": [list(suffix) for suffix in family.suffixes],
        "queries": [list(query) for query in family.queries],
        "answers": list(family.answers) if error and family.answers is not None else None,
        "codec": dict(family.codec),
    }
    return sealed(document), bits


def found_certificate(task: object, family: Family, bits: Fraction) -> dict[str, object]:
    """The certificate of a family found by search, claiming `bits` at error 0.

    Slots that the checker has to simulate are slow to read, and get fewer trials.
    """
    slots = family.codec.get("slots")
    simulated = [slot for slot in slots if "answers" in slot] if isinstance(slots, list) else []
    trials = max(FEWEST_TRIALS, min(MOST_TRIALS, 10_000 // max(1, len(simulated))))
    document = {
        **_head("state bits", task),
        "bits": float(bits),
        "error": 0,
        "confidence": float(1 - ALPHA),
        "trials": trials,
        "tables": [[int(token) for token in table] for table in family.tables],
        "suffixes": [[int(token) for token in suffix] for suffix in family.suffixes],
        "queries": [[int(number), int(position)] for number, position in family.queries],
        "answers": None,
        "codec": dict(family.codec),
    }
    return sealed(document)


def claimed_bits(contents: int, family: Family, error: Fraction) -> Fraction:
    """Bits that `contents` told apart by the family's queries force at an error rate, down to thousandths."""
    states = contents
    if error:
        assert family.answers is not None
        game = Retrieval(size=contents, queries=len(family.queries), answers=len(family.answers))
        states = counting_states(game, error)
    return log2_floor([(states, 1)], parts=_STEP)


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
    """Name and parameters as a certificate has them; of a user's own task, those parameters that JSON can hold."""
    own = type(task)
    try:
        document = task_to_json(task)  # pyright: ignore[reportArgumentType]  # any task with the four members
    except ValueError:
        return {"task": f"{own.__module__}:{own.__qualname__}", "params": {}}
    params = document["params"]
    assert isinstance(params, dict)
    return {
        "task": document["task"],
        "params": {key: value for key, value in params.items() if _is_json(value)},
    }


def _head(quantity: str, task: object) -> dict[str, object]:
    return {"format": "plait certificate", "version": 1, "quantity": quantity, **described(task)}


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
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_spelled(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_spelled(item) for item in value) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(Fraction(repr(value)))
    return json.dumps(value)
