"""Ten thousand random changes to certificates: no false bound is ever accepted, and nothing but a verdict comes out."""

import json
import random
from fractions import Fraction

import pytest

from plait.tasks import (
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    parse_task,
)
from plait.theory import (
    Verdict,
    attention_reach,
    check,
    frontier,
    frontier_states,
    sealed,
    ssm_state_bits,
)
from plait.theory.exact_numbers import log2_floor
from plait.theory.states import state_factors

CHANGES = 10_000
TRIALS = 60

BASES = [
    *(
        ssm_state_bits(task, error=error, seq_len=seq_len).certificate
        for task, error, seq_len in [
            (SelectiveCopying(n_words=2, numbers=(1, 2)), 0, None),
            (SelectiveCopying(n_words=3, numbers=(2, 4)), 0, 7),
            (SelectiveCopying(n_words=3, numbers=(2, 3)), "0.1", None),
            (AssociativeRecall(n_words=3), 0, None),
            (AssociativeRecall(n_words=4), "0.05", None),
            (AssociativeRecall(n_words=7), 0, None),
            (AssociativeRecall(n_words=7), 0, 6),
            (MultiKeyRecall(n_words=2, key_length=2), 0, None),
            (MultiKeyRecall(n_words=3, key_length=1), 0, None),
            (MultiKeyRecall(n_words=3, key_length=2), 0, 9),
            (DecodingRecall(n_bits=1), 0, None),
            (DecodingRecall(n_bits=1), "0.1", None),
            (DecodingRecall(n_bits=1, variant="last"), 0, None),
            (Needle(n_words=4), 0, None),
        ]
    ),
    *(
        attention_reach(task, 9).certificate
        for task in (
            SelectiveCopying(n_words=3),
            AssociativeRecall(n_words=3),
            DecodingRecall(n_bits=2),
            Needle(),
        )
    ),
    attention_reach(MultiKeyRecall(n_words=3), 9).certificate,
    *(
        frontier(task, 20, reaches=[reach])[0].bound.certificate
        for task, reach in [
            (SelectiveCopying(n_words=3, numbers=(1, 2)), 1),
            (SelectiveCopying(n_words=2, numbers=(2, 3)), 7),
            (AssociativeRecall(n_words=5), 4),
            (MultiKeyRecall(n_words=3, key_length=1), 2),
            (DecodingRecall(n_bits=1), 3),
            (Needle(n_words=4), 6),
        ]
    ),
]

ODD = [
    None,
    True,
    "x",
    -1,
    0,
    1,
    2,
    3,
    0.5,
    1e-9,
    0.999,
    2**31,
    10**15,
    -7.5,
    [],
    {},
    [0],
    [[0]],
    {"kind": "slots"},
]
NAMES = [
    "selective-copying",
    "associative-recall",
    "multi-key-recall",
    "decoding-recall",
    "needle",
    "my:Task",
]


def places(value, path=()):
    """Every place in the document, as a path of keys and indices."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*path, index))


def changed(document, rng):
    """The document with one to three random changes."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice([path for path in places(document) if path])
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        last = path[-1]
        value = holder[last]
        kind = rng.randrange(8)
        if kind == 0:
            del holder[last]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), json.loads(json.dumps(rng.choice(holder))))
        elif kind == 2 and isinstance(holder, list):
            other = rng.randrange(len(holder))
            holder[last], holder[other] = holder[other], holder[last]
        elif kind == 3:
            holder[last] = json.loads(json.dumps(rng.choice(ODD)))
        elif kind == 4 and last == "task":
            holder[last] = rng.choice(NAMES)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            holder[last] = rng.choice([value + 1, value - 1, value * 2, value + 0.05, rng.randrange(9)])
        elif isinstance(value, list) and value and kind == 5:
            value.append(value[0])
        elif isinstance(document.get("bits"), float):
            document["bits"] += rng.choice([0.001, 0.01, 0.1, 1.0, 10.0])
    return document


def truth(document) -> Fraction:
    """The most bits or tokens that any certificate about this task may claim."""
    task = parse_task(document["task"], document["params"])
    if document["quantity"] == "reach":
        return Fraction(attention_reach(task, len(document["inputs"][0])).value)
    if document["quantity"] == "recurrent state bits":
        return log2_floor([(frontier_states(task, document["reach"]), 1)], parts=1000)
    return log2_floor(state_factors(task), parts=1000)


@pytest.mark.parametrize("part", range(4))
def test_no_false_bound_is_accepted(part):
    rng = random.Random(1000 + part)
    bases = [sealed({**base, "trials": TRIALS} if "trials" in base else base) for base in BASES]
    accepted = 0
    for _ in range(CHANGES // 4):
        document = changed(rng.choice(bases), rng)
        if rng.random() < 0.9:
            document = sealed(document)
        verdict = check(document, seed=rng.randrange(2**30))
        assert isinstance(verdict, Verdict)
        if verdict.accepted:
            accepted += 1
            claimed = document["tokens"] if document["quantity"] == "reach" else document["bits"]
            assert Fraction(repr(claimed)) <= truth(document), document
        elif verdict.bits and verdict.confidence == 1:
            assert verdict.bits <= truth(document), document
    assert accepted > 20, "some changes leave a true claim, so the test does look at accepted ones"


def test_changed_bytes_never_raise():
    rng = random.Random(77)
    texts = [json.dumps(base).encode() for base in BASES]
    for _ in range(2_000):
        text = bytearray(rng.choice(texts))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(text))
            if rng.random() < 0.3:
                del text[at : at + rng.randrange(1, 9)]
            else:
                text[at] = rng.randrange(256)
        if check(bytes(text)).accepted:
            assert json.loads(text) in BASES, "only blanks may differ"
