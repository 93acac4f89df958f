"""What steers a lookup: controls and composition that tasks state, against their targets."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.tasks import MQAR, AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying


@pytest.mark.usefixtures("path")
class TestControls:
    """The stated composition: the control alone says where in the content the answer stands."""

    @given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_selective_copying(self, row):
        task = SelectiveCopying(n_words=3, numbers=(4, 1, 2))
        control, defined = task.control(torch.tensor(row))
        numbers = [token for token in row if token >= 3]
        latest = None
        for i, token in enumerate(row):
            latest = task.numbers[token - 3] if token >= 3 else latest
            assert (control[i].item() if defined[i] else None) == latest
        assert defined.sum() == 0 or numbers

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
    @settings(max_examples=100, deadline=None)
    def test_decoding_recall(self, row):
        control, defined = DecodingRecall(n_bits=3).control(torch.tensor(row))
        assert defined.all()
        for i in range(len(row)):
            bits = [0, 0, 0, *(token - 8 for token in row[: i + 1] if token >= 8)]
            assert control[i] == int("".join(map(str, bits[-3:])), 2)

    @given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.integers(1, 6))
    @settings(max_examples=100, deadline=None)
    def test_multi_key_recall(self, row, key_length):
        control, defined = MultiKeyRecall(n_words=5, key_length=key_length).control(torch.tensor(row))
        for i in range(len(row)):
            key = row[i - key_length + 1 : i + 1] if i >= key_length - 1 else None
            assert bool(defined[i]) == (key is not None)
            assert control[i] == (0 if key is None else int("".join(map(str, key)), 5))

    def test_mqar(self):
        control, defined = MQAR(n_keys=2, n_values=2, n_pairs=1).control(torch.tensor([1, 0, 2, 4, 1]))
        assert control.tolist() == [1, 0, 0, 0, 1]
        assert defined.tolist() == [True, True, False, False, True]

    def test_associative_recall(self):
        control, defined = AssociativeRecall(n_words=5).control(torch.tensor([3, 0, 4]))
        assert control.tolist() == [3, 0, 4]
        assert defined.all()


def test_a_key_of_63_bits_is_a_control_and_a_longer_one_is_refused():
    row = torch.tensor([1] * 70)
    control, defined = MultiKeyRecall(n_words=2, key_length=63).control(row)
    assert control[defined].unique().tolist() == [2**63 - 1]
    for length in (64, 2**31 - 1):
        with pytest.raises(ValueError, match="63 bits"):
            MultiKeyRecall(n_words=2, key_length=length).control(row)


def test_only_the_needle_states_no_composition():
    for task in (SelectiveCopying(), DecodingRecall(), AssociativeRecall(), MultiKeyRecall(), MQAR()):
        assert task.composition is not None
        assert callable(task.control)
    assert Needle.composition is None
    assert not hasattr(Needle(), "control")
