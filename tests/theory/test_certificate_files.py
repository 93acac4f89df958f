"""Files, pipes and texts that hold a certificate, and what holds none."""

import json
import os
import threading
import time

import pytest

from plait.tasks import SelectiveCopying
from plait.theory import check, check_file, ssm_state_bits
from plait.theory.checker.document import MOST_BYTES

COPYING = ssm_state_bits(SelectiveCopying(n_words=5, numbers=(2, 4)), seq_len=8)


def refused(document, said=None):
    verdict = check(document, seed=7)
    assert not verdict.accepted, verdict
    assert "\n" not in verdict.reason
    if said:
        assert said in verdict.reason, verdict.reason
    return verdict


def test_a_file_of_a_gigabyte(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b'{"format": "plait certificate", "x": [')
        file.truncate(2**30)
    verdict = check_file(path)
    assert verdict.reason == f"a certificate has at most {MOST_BYTES} bytes, this one has more"
    assert verdict.readable


def test_a_pipe_is_waited_for_and_not_without_end(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(json.dumps(COPYING.certificate),))
    writer.start()
    assert check_file(pipe, seed=1).accepted
    writer.join()
    monkeypatch.setattr("plait.theory.checker.document._PIPE_SECONDS", 0)
    verdict = check_file(pipe)
    assert verdict.reason == "a pipe into which nobody wrote for 0 seconds"
    assert not verdict.readable


def test_a_pipe_whose_writer_is_slow_is_waited_for(monkeypatch):
    monkeypatch.setattr("plait.theory.checker.document._PIPE_SECONDS", 0)
    reading, writing = os.pipe()

    def write() -> None:
        time.sleep(0.3)
        with os.fdopen(writing, "w") as file:
            file.write(json.dumps(COPYING.certificate))

    writer = threading.Thread(target=write)
    writer.start()
    assert check_file(f"/dev/fd/{reading}", seed=1).accepted
    writer.join()
    os.close(reading)


def test_files(tmp_path):
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(COPYING.certificate, indent=2))
    assert check_file(path, seed=1).accepted
    for absent, said in ((tmp_path / "absent", "No such file"), (tmp_path, "cannot read")):
        verdict = check_file(absent)
        assert said in verdict.reason
        assert not verdict.accepted
        assert not verdict.readable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "JSON object"),
        (" \n", "JSON object"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ("\ud800", "JSON object"),
        ('"' + '\\"' * 200_000, "JSON object"),
        ("[" * 100_000 + "]" * 100_000, "JSON object"),
        ("[" + "1," * 5_000_000 + "1]", "JSON object"),
        (b"\x89PNG\r\n\x1a\n" + b"{[" * 5_000_000, "JSON object"),
        ("{", "not a JSON document"),
        ("{}]", "not a JSON document"),
        ('{"a": "' + '\\"' * 200_000, "not a JSON document"),
        ('{"a": "\ud800"}', "not a JSON document"),
        (b'{"a": "\xff"}', "not a JSON document"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_texts_that_are_no_certificates(text, said):
    assert not refused(text, said).readable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a":' * 50_000, "nested"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ('{"digest": "", "digest": ""}', "occurs twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "Infinity"),
        ('{"a": ' + "9" * 5_000 + "}", "digits"),
        ('{"a": 1e999999999}', "limits"),
        ('{"a": 1e500}', "limits"),
        ('{"a": 0.' + "1" * 100 + "}", "limits"),
        ('{"a": 99999999999999}', "beyond"),
        ('{"a": "' + "x" * 2_000 + '"}', "1000 characters"),
        ('{"a": [' + "1," * 2_100_000 + "1]}", "values"),
        ('{"a": [' + "1," * 5_000_000 + "1]}", "bytes"),
        ("{}", "no digest"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_objects_in_text_that_are_refused(text, said):
    assert refused(text, said).readable


def test_objects_that_are_no_certificates():
    cycle: dict = {}
    cycle["a"] = cycle
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    for document in (
        cycle,
        {"a": deep},
        {"a": object()},
        {1: 2},
        {"a": float("nan")},
        {"a": 10**30},
        {"a": b"x"},
    ):
        refused(document)
