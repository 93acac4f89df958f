"""Bounds found from targets alone where a lookup asks in a longer form: behind a mark, by a chain, behind a number."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from own_tasks import Bare, Hidden

from plait.tasks import (
    AssociativeRecall,
    FollowBack,
    KHopInduction,
    NGramRetrieval,
    SelectiveCopying,
    Targets,
)
from plait.theory import check, find_state_bits
from plait.theory.families.field_lookups import LOOKUPS
from plait.theory.search.followers import follower_candidates
from plait.theory.search.forms import find_formed
from plait.theory.search.oracle import Oracle
from plait.theory.search.readers import KeyReading


@pytest.fixture(autouse=True)
def clock(counted_seconds):
    return counted_seconds


@dataclass(frozen=True)
class Reopened(Bare):
    """At a word right behind a mark: what followed that word last before the first mark."""

    n_tokens: int = 6

    def targets(self, tokens):
        mark = self.n_tokens - 1
        answers = torch.full_like(tokens, -1)
        for row, out in zip(tokens.tolist(), answers, strict=True):
            end = row.index(mark) if mark in row else len(row)
            last = dict(pairwise(row[:end]))
            for place in range(1, len(row)):
                if row[place - 1] == mark and row[place] in last:
                    out[place] = last[row[place]]
        return Targets(answers.clamp(min=0), answers >= 0)


def found_bits(task, *, seq_len, seconds):
    bound = find_state_bits(task, seq_len=seq_len, seconds=seconds)
    verdict = check(bound.certificate, task=task)
    assert verdict.accepted, verdict.reason
    assert verdict.bits >= bound.value == bound.certified
    return float(bound.value)


@pytest.mark.parametrize(
    ("task", "seq_len", "seconds"),
    [
        (NGramRetrieval(), 100, 1),
        (NGramRetrieval(n_words=6, n=3), 60, 3),
        (FollowBack(), 100, 5),
        (FollowBack(n_words=6, numbers=(2, 4)), 40, 1),
        (KHopInduction(), 100, 1),
        (KHopInduction(n_words=5, hops=3), 40, 1),
    ],
    ids=repr,
)
def test_nine_tenths_of_what_a_written_table_has_are_found_with_the_table_hidden(task, seq_len, seconds):
    table = max(math.log2(family.contents) for family in LOOKUPS[type(task)](task, seq_len))
    assert found_bits(Hidden(inner=task), seq_len=seq_len, seconds=seconds) >= 0.9 * table


def test_texts_of_n_grams_are_found_and_never_more_than_there_are_texts():
    """A text in which no two words stand twice is read word by word; the cut leaves room for `a a ? x y`."""
    bits = found_bits(Hidden(inner=NGramRetrieval()), seq_len=40, seconds=1)
    assert 0.75 * 36 * 4 <= bits <= 36 * math.log2(17)


def test_what_followed_each_word_is_read_through_a_mark_of_a_task_of_one_s_own():
    """All trees on five words, any root: 5^4."""
    bits = found_bits(Reopened(), seq_len=24, seconds=1)
    assert bits >= 0.9 * math.log2(5**4)


@pytest.mark.parametrize(
    ("task", "key_length", "mark"),
    [
        (KHopInduction(hops=2), 1, None),
        (KHopInduction(hops=3), 1, None),
        (NGramRetrieval(n=1), 1, 16),
        (NGramRetrieval(n=2), 2, 16),
        (NGramRetrieval(n_words=3, n=2), 2, 3),
    ],
    ids=repr,
)
def test_forms_read_what_followed_the_key(task, key_length, mark):
    oracle = Oracle(Hidden(inner=task), seq_len=40, seconds=9, seed=1)
    (reading,) = find_formed(oracle)
    assert (reading.key_length, reading.mark) == (key_length, mark)
    key = [int(reading.letters[number]) for number in (0,) * (key_length - 1) + (1,)]
    text = np.full((1, 20), int(reading.letters[2]))
    text[0, 8 : 8 + key_length], text[0, 8 + key_length] = key, key[-1] - 1
    for suffix in reading.readers[1]:
        assert oracle.answers(text, np.array([suffix]))[0, 0, -1] == key[-1] - 1


def test_no_form_is_found_where_no_key_is_followed():
    oracle = Oracle(Hidden(inner=SelectiveCopying(n_words=6, numbers=(2, 4))), seq_len=40, seconds=9, seed=1)
    assert find_formed(oracle) == []


def test_keys_behind_whose_last_only_what_spoils_can_stand_have_no_forest(monkeypatch):
    """The filler's token is the one that would follow the last key, and no prefix may hold it."""
    oracle = Oracle(AssociativeRecall(n_words=4), seq_len=16, seconds=5, seed=0, filler=[3, 3])
    spoilers = frozenset(oracle.tokens.tolist()) - {0, 1}
    readers = [[[2, key]] for key in (0, 1)]
    reading = KeyReading(letters=np.array([0, 1]), key_length=1, readers=readers, spoilers=spoilers)
    monkeypatch.setattr("plait.theory.search.followers.find_readings", lambda _: [reading])
    forests, paths = follower_candidates(oracle)
    assert forests is None
    assert paths is None or paths.codec["kind"] == "paths"
