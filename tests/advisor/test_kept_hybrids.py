"""The smallest proved hybrids that `plait bounds` reads from a file are those that are found."""

import json
from dataclasses import asdict

import pytest

from plait.advisor.bounds import KEPT_HYBRIDS, kept_hybrids, key_of, looked_for, proved_hybrid
from plait.tasks import DecodingRecall, SelectiveCopying, task_from_json


@pytest.mark.parametrize("key", sorted(kept_hybrids()))
def test_what_is_kept_is_what_is_found(key: str) -> None:
    asked = json.loads(key)
    seq_len = asked.pop("seq_len")
    task = task_from_json(asked)
    assert key_of(task, seq_len) == key
    found = looked_for(task, seq_len)
    assert found is not None
    # Through JSON and back: `python benchmarks/hybrids.py` writes the file again.
    assert json.loads(KEPT_HYBRIDS.read_text())[key] == json.loads(json.dumps(asdict(found)))
    assert proved_hybrid(task, seq_len) == found


def test_another_size_is_looked_for() -> None:
    task = SelectiveCopying(n_words=5, numbers=(2,))
    assert key_of(task, 30) not in kept_hybrids()
    assert proved_hybrid(task, 30) == looked_for(task, 30) is not None
    assert proved_hybrid(DecodingRecall(n_bits=13), 100) is None
