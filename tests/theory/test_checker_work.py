"""Whatever a file says, checking it ends: the work that it asks for is counted before it is done."""

import json
import random
import subprocess
import sys
import time
from fractions import Fraction

import pytest
from own_tasks import LastTokens
from slow_files import slow_certificate

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import certificate, check, check_file, sealed, ssm_state_bits
from plait.theory.checker import arithmetic, game, verify
from plait.theory.families import families

SECONDS, MEGABYTES = 20, 500
"""What any file may take at the limit of the steps."""

SHARE = 30
"""The limit of the steps is lowered so many times, so that many files can be tried."""

READING = 1.0
"""Seconds for a file of 20,000 values before any step is made, on a machine that does other work as well."""

HEAD = {
    "format": "plait certificate",
    "version": 1,
    "quantity": "state bits",
    "bits": 0,
    "error": 0,
    "confidence": 0.999,
    "trials": 4_000,
    "tables": [],
    "suffixes": [[0]],
    "queries": [[0, 0]],
    "answers": None,
}


@pytest.fixture
def lowered(monkeypatch):
    """A lower limit of steps; what makes certificates asks for no more than it."""
    limit = game.MOST_WORK // SHARE
    for module in (game, verify, certificate):
        monkeypatch.setattr(module, "MOST_WORK", limit)
    monkeypatch.setattr(certificate, "_WORK", limit // 2)
    return limit


def seconds(check_it) -> float:
    began = time.process_time()
    check_it()
    return time.process_time() - began


@pytest.mark.parametrize("part", range(4))
def test_no_file_is_slow(lowered, part):
    """Files drawn from the ends of what a file may say, each refused or checked in its share of 20 seconds."""
    rng, reasons = random.Random(part), []
    for number in range(40):
        document, task = slow_certificate(rng, rng.choice((300, 2_000, 20_000)))
        document = sealed(document)
        began = time.process_time()
        reasons.append(check(document, task=task, seed=number).reason)
        took = time.process_time() - began
        assert took < SECONDS / SHARE + READING, (document["task"], document["codec"]["kind"], reasons[-1])
    for outcome in ("more work than the limit", "certified"):
        assert sum(outcome in reason for reason in reasons) >= 2, "refused early, and gone through"


def test_trees_cost_what_they_hold_and_not_their_length():
    """39 KB that ask for 4,000 trees of 5,000 keys, each too long for a prefix of one token."""
    codec = {
        "kind": "trees",
        "letters": 0,
        "key_length": 1,
        "lead": 0,
        "length": 1,
        "root": None,
        "reads": [[0]] * 5000,
    }
    document = HEAD | {
        "task": "associative-recall",
        "params": {"n_words": 5000},
        "tables": [list(range(5000))],
        "codec": codec,
    }
    verdicts = []
    assert seconds(lambda: verdicts.append(check(sealed(document)))) < 2
    assert "more work than the limit" in verdicts[0].reason
    verdicts.append(check(sealed(document | {"trials": 5})))
    assert verdicts[1].reason.startswith("0.000 bits certified")


def test_a_table_that_many_parts_share_is_kept_once():
    """Three hundred parts, each with a slot that may hold anything of one long table."""
    part = {"base": [0], "slots": [{"at": [0], "values": 0, "reads": [0]}]}
    document = HEAD | {
        "task": "associative-recall",
        "params": {"n_words": 2},
        "tables": [[0, 1] * 50_000],
        "codec": {"kind": "union", "parts": [part] * 300},
        "trials": 1,
    }
    verdicts = []
    assert seconds(lambda: verdicts.append(check(sealed(document)))) < 5
    assert verdicts[0].reason.startswith("0.000 bits certified")


def test_a_query_about_a_long_prefix_costs_its_length():
    document = HEAD | {
        "task": "needle",
        "params": {"n_words": 2, "score_marker": False},
        "suffixes": [[0] for _ in range(4_000)],
        "queries": [[suffix, 0] for suffix in range(4_000)],
        "codec": {
            "kind": "slots",
            "base": [2] + [0] * 19_999,
            "slots": [
                {
                    "at": [1],
                    "values": [[0], [1]],
                    "reads": list(range(4_000)),
                    "answers": [[0] * 4_000, [1] * 4_000],
                }
            ],
        },
    }
    verdicts = []
    assert seconds(lambda: verdicts.append(check(sealed(document), seed=1))) < 5
    assert verdicts[0].bits == 1


def test_a_limit_of_what_random_prefixes_hold():
    codec = {"kind": "random", "before": [], "after": [], "letters": [0, 1], "free": 20_000, "draws": 8_192}
    document = HEAD | {"task": "associative-recall", "params": {"n_words": 2}, "codec": codec}
    verdicts = []
    assert seconds(lambda: verdicts.append(check(sealed(document)))) < 2
    assert "more work than the limit" in verdicts[0].reason
    many = document | {
        "codec": codec | {"free": 5},
        "suffixes": [[0]] * 300,
        "queries": [[i, 0] for i in range(300)],
    }
    assert "more answers than the limit" in check(sealed(many)).reason


def test_long_keys_are_not_written_out():
    codec = {"kind": "list", "prefixes": [[0] * 19_000, [1] * 19_000]}
    document = HEAD | {
        "task": "multi-key-recall",
        "params": {"n_words": 2, "key_length": 9_000},
        "codec": codec,
    }
    assert "more" in check(sealed(document)).reason
    inputs = [[0] * 19_000, [1] * 19_000]
    reach = {"format": "plait certificate", "version": 1, "quantity": "reach", "tokens": 0, "confidence": 1}
    reach |= {"task": "multi-key-recall", "params": {"n_words": 2, "key_length": 9_000}, "inputs": inputs}
    assert "more" in check(sealed(reach)).reason


def test_a_simulated_slot_is_limited():
    slot = {"at": [0], "values": [[0]] * 3_000, "reads": [0], "answers": "simulated"}
    document = HEAD | {
        "task": "own_tasks:LastTokens",
        "params": {},
        "codec": {"kind": "slots", "base": [0] * 1_000, "slots": [slot]},
    }
    assert "a simulated slot tries" in check(sealed(document), task=LastTokens()).reason


def test_counts_and_errors_of_the_largest_files_are_quick():
    assert seconds(lambda: arithmetic.certain_share(2_000, 4_000, Fraction(1, 2**40))) < 3
    assert seconds(lambda: arithmetic.birthday_states(8_192, Fraction(1, 2**40))) < 4
    for error in ("0.4999", "0.9997"):
        assert seconds(lambda e=error: arithmetic.states_at_error(2**199_999, 20_000, 5_000, Fraction(e))) < 5


def test_long_divisions_lose_nothing_that_counts():
    rng = random.Random(5)
    for _ in range(4):
        number, divisor = rng.getrandbits(30_000), rng.getrandbits(20_000) | 1
        exact, found = -(-number // divisor), arithmetic._quotient(number, divisor)
        assert found <= exact
        assert arithmetic.floor_log2_thousandths(found) == arithmetic.floor_log2_thousandths(exact)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_memory_at_the_ends_of_what_a_file_may_say(tmp_path):
    """One process checks files of several megabytes; at no time does it hold more than 500 MB."""
    words = list(range(10**6, 10**6 + 900_000))
    slot = {"at": [1], "values": words, "reads": [0]}
    long = HEAD | {"task": "needle", "params": {"n_words": 2**24, "score_marker": False}, "trials": 20}
    texts = [
        json.dumps(sealed(long | {"codec": {"kind": "slots", "base": [2**24, 0], "slots": [slot]}})),
        '{"a": [' + '"",' * 2_700_000 + '""]}',
        '{"a": [' + "[]," * 950_000 + "[]]}",
        '{"a": [' + "1.5," * 999_000 + "1]}",
        '{"a": "' + '\\"' * 4_000_000 + '"}',
    ]
    program = (
        "import re, sys\nfrom plait.theory import check_file\n"
        "for path in sys.argv[1:]:\n    print(check_file(path).reason)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])\n"
    )
    paths = [tmp_path / f"{number}.json" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    *reasons, peak = done.stdout.splitlines()
    assert "19.281 bits certified" in reasons[0], reasons
    assert [("more" in reason) for reason in reasons[1:]] == [True] * 4
    assert int(peak) < MEGABYTES * 1024


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=26, numbers=(2_500,)),
        AssociativeRecall(n_words=1_000),
        MultiKeyRecall(n_words=25),
        DecodingRecall(n_bits=8),
        DecodingRecall(n_bits=8, variant="last"),
        Needle(n_words=30_000),
    ],
    ids=repr,
)
@pytest.mark.parametrize("seq_len", [None, 400])
def test_what_is_made_is_never_too_much_work(lowered, task, seq_len, tmp_path):
    """A certificate of a large task asks for as few trials as the limit leaves room for, and is accepted."""
    made = [
        found
        for family in families(task, seq_len)
        if (found := certificate.state_certificate(task, family, Fraction(0)))
    ]
    assert made or seq_len is not None
    for document, bits in made[:2]:
        path = tmp_path / "certificate.json"
        path.write_text(json.dumps(document))
        verdict = check_file(path)
        assert verdict.accepted, verdict.reason
        assert verdict.bits >= bits


def test_a_family_that_no_file_holds_has_a_bound_and_no_certificate():
    bound = ssm_state_bits(Needle(n_words=2**22))
    assert bound.value == 22
    assert bound.certificate is None
    assert bound.certified is None
