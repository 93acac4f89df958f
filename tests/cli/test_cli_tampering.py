"""`plait check` on frontier certificates of which one thing was changed, with and without a fresh digest."""

import json
from fractions import Fraction

import pytest

from plait.tasks import AssociativeRecall, Needle, SelectiveCopying, parse_task
from plait.theory import frontier, frontier_states, sealed
from plait.theory.exact_numbers import log2_floor

BASES = [
    (SelectiveCopying(n_words=2, numbers=(1, 2)), 1),
    (AssociativeRecall(n_words=3), 2),
    (Needle(n_words=3), 3),
]


def tampered(document):
    """The document with each field or entry, one at a time, taken out or given another value."""
    for path in places(document):
        value = document
        for step in path:
            value = value[step]
        for other in (*others(value), REMOVED):
            copied = json.loads(json.dumps(document))
            holder = copied
            for step in path[:-1]:
                holder = holder[step]
            if other is REMOVED:
                del holder[path[-1]]
            else:
                holder[path[-1]] = other
            if copied != document:
                yield path, copied


REMOVED = object()


def places(value, path=()):
    """Every field, and the first and last entry of every list."""
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield (*path, step)
        if isinstance(value, dict) or step in (0, len(value) - 1):
            yield from places(value[step], (*path, step))


def others(value):
    if isinstance(value, bool) or value is None:
        return (1, "x")
    if isinstance(value, int | float):
        return (value + 1, value - 1, str(value))
    if isinstance(value, str):
        return (f"{value}x", 7)
    return ([], None) if isinstance(value, list) else ({},)


@pytest.mark.parametrize(("task", "reach"), BASES, ids=lambda one: type(one).__name__)
def test_every_tampering_is_refused_or_claims_no_more(task, reach, plait, tmp_path):
    certificate = json.loads(json.dumps(frontier(task, 9, reaches=[reach])[0].bound.certificate))
    file = tmp_path / "certificate.json"

    def accepted(document):
        file.write_text(json.dumps(document))
        result = plait("check", file)
        assert result.exit_code in (0, 1, 2)
        assert len(result.output.strip().splitlines()) == 1
        return result.exit_code == 0

    assert accepted(certificate)
    kept = tried = 0
    for path, document in tampered(certificate):
        assert not accepted(document), path
        tried += 1
        again = sealed(document) if path != ("digest",) else certificate
        if again != certificate and accepted(again):
            kept += 1
            of = parse_task(again["task"], again["params"])
            exact = log2_floor([(frontier_states(of, again["reach"]), 1)], parts=1000)
            assert Fraction(repr(again["bits"])) <= exact, path
            assert Fraction(repr(again["bits"])) <= Fraction(repr(certificate["bits"])), path
    assert tried > 60
    assert kept, "a lower claim with a fresh digest is true, so the test does look at accepted ones"


def test_a_bound_whose_certificate_would_be_too_long_says_so(plait, tmp_path, monkeypatch):
    written = plait("bounds", "needle", "-o", tmp_path).stdout
    assert "no certificate" not in written
    monkeypatch.setattr("plait.cli.theory._write_certificates", lambda *_: {})
    assert (
        "pure SSM: no certificate, it would be too long" in plait("bounds", "needle", "-o", tmp_path).stdout
    )
    assert "no certificate" not in plait("bounds", "needle").stdout
