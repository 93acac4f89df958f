"""Targets of every task against plain Python loops written from the tasks' definitions."""

import itertools
import re
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.tasks import MQAR, AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying

INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def copying_loop(task, row):
    answers, back = [], None
    for i, token in enumerate(row):
        if token >= task.n_words:
            back = task.numbers[token - task.n_words]
        answers.append(row[i - back] if back is not None and i - back >= 0 else None)
    return answers


def decoding_loop(task, row):
    answers, register, follower = [], 0, {}
    for i, token in enumerate(row):
        if i > 0:
            follower[row[i - 1]] = token
        if token >= 2**task.n_bits:
            register = (2 * register + token - 2**task.n_bits) % 2**task.n_bits
        answers.append(follower.get(register))
    if task.variant == "last":
        answers[:-1] = [None] * (len(row) - 1)
    return answers


def associative_loop(task, row):
    answers = []
    for i, token in enumerate(row):
        earlier = [j for j in range(i) if row[j] == token]
        answers.append(row[earlier[-1] + 1] if earlier else None)
    return answers


def multi_key_loop(task, row):
    k, answers = task.key_length, []
    for i in range(len(row)):
        key = row[i - k + 1 : i + 1] if i >= k - 1 else None
        earlier = [j for j in range(k, i) if row[j - k + 1 : j + 1] == key]
        answers.append(row[earlier[-1] + 1] if earlier else None)
    return answers


def needle_loop(task, row):
    answers = []
    for i in range(len(row)):
        last = i if task.score_marker else i - 1
        markers = [j for j in range(last + 1) if row[j] == task.n_words and j + 1 < len(row)]
        if task.score_marker and row[i] == task.n_words and i + 1 == len(row):
            markers = []
        answers.append(row[markers[-1] + 1] if markers else None)
    return answers


def mqar_loop(task, row):
    answers = []
    for i, key in enumerate(row):
        given = [
            row[j + 1]
            for j in range(i)
            if row[j] == key < task.n_keys and 0 <= row[j + 1] - task.n_keys < task.n_values
        ]
        answers.append(given[-1 if task.keep == "latest" else 0] if given else None)
    return answers


LOOPS = {
    SelectiveCopying: copying_loop,
    DecodingRecall: decoding_loop,
    AssociativeRecall: associative_loop,
    MultiKeyRecall: multi_key_loop,
    Needle: needle_loop,
    MQAR: mqar_loop,
}

TASKS = st.one_of(
    st.builds(
        SelectiveCopying,
        n_words=st.integers(1, 5),
        numbers=st.lists(st.integers(1, 12) | st.just(2**31 - 1), min_size=1, max_size=4, unique=True).map(
            tuple
        ),
    ),
    st.builds(DecodingRecall, n_bits=st.integers(1, 4), variant=st.sampled_from(["interleaved", "last"])),
    st.builds(AssociativeRecall, n_words=st.integers(1, 6)),
    st.builds(
        MultiKeyRecall,
        n_words=st.integers(1, 3),
        key_length=st.integers(1, 5) | st.sampled_from([40, 63, 64, 200, 2**31 - 1]),
    ),
    st.builds(Needle, n_words=st.integers(1, 4), score_marker=st.booleans()),
    st.builds(
        MQAR,
        n_keys=st.integers(1, 3),
        n_values=st.integers(1, 3),
        n_fillers=st.integers(1, 2),
        n_pairs=st.just(1),
        keep=st.sampled_from(["latest", "first"]),
    ),
)


@st.composite
def tasks_and_rows(draw):
    """A task, and rows of its tokens with any leading axes: short or long, of few distinct tokens or of many."""
    task = draw(TASKS)
    axes = draw(st.sampled_from([(), (1,), (3,), (2, 2), (2, 1, 2), (0,)]))
    length = draw(st.integers(1, 12) | st.integers(1, 60))
    tokens = draw(st.lists(st.integers(0, task.ordinary_tokens - 1), min_size=1, max_size=4, unique=True))
    n = length * torch.Size(axes).numel()
    flat = draw(st.lists(st.sampled_from(tokens), min_size=n, max_size=n))
    dtype = draw(st.sampled_from(INTEGER_DTYPES))
    return task, torch.tensor(flat, dtype=dtype).reshape(*axes, length)


def check(task, tokens):
    targets = task.targets(tokens)
    assert targets.tokens.shape == targets.scored.shape == tokens.shape
    assert targets.tokens.dtype == torch.int64
    assert targets.scored.dtype == torch.bool
    assert not targets.tokens[~targets.scored].any()
    time = tokens.shape[-1]
    rows = tokens.reshape(-1, time).tolist()
    found = zip(
        targets.tokens.reshape(-1, time).tolist(), targets.scored.reshape(-1, time).tolist(), strict=True
    )
    for row, (answers, scored) in zip(rows, found, strict=True):
        shown = [answer if defined else None for answer, defined in zip(answers, scored, strict=True)]
        assert shown == LOOPS[type(task)](task, row), row
        assert shown == list(task.answers(row)), row


@pytest.mark.usefixtures("path")
class TestBothPaths:
    @given(tasks_and_rows())
    @settings(max_examples=700, deadline=None)
    def test_targets_equal_the_loop(self, case):
        check(*case)

    @pytest.mark.parametrize(
        "task",
        [
            SelectiveCopying(n_words=2, numbers=(1, 2)),
            SelectiveCopying(n_words=2, numbers=(3,)),
            DecodingRecall(n_bits=1),
            DecodingRecall(n_bits=1, variant="last"),
            AssociativeRecall(n_words=3),
            MultiKeyRecall(n_words=3, key_length=1),
            MultiKeyRecall(n_words=3, key_length=2),
            Needle(n_words=2),
            Needle(n_words=2, score_marker=True),
            MQAR(n_keys=2, n_values=2, n_pairs=1),
            MQAR(n_keys=2, n_values=2, n_pairs=1, keep="first"),
        ],
        ids=repr,
    )
    def test_every_short_row(self, task):
        for length in range(1, 7):
            rows = itertools.product(range(task.ordinary_tokens), repeat=length)
            check(task, torch.tensor(list(rows)))

    def test_strided_rows(self):
        tokens = torch.arange(60).reshape(12, 5).t() % 3
        check(AssociativeRecall(n_words=3), tokens)
        check(MultiKeyRecall(n_words=3), tokens[:, ::2])
        check(Needle(n_words=2), tokens.expand(2, 5, 12))

    def test_many_keys(self):
        """8^20 keys, 8^30 renumbered, and words of 24 bits: no table of one entry a key is made."""
        tokens = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7] * 12])
        check(MultiKeyRecall(key_length=20), tokens)
        check(MultiKeyRecall(key_length=30), tokens)
        check(AssociativeRecall(n_words=2**24), tokens * 2_000_000)


def one(task, row):
    targets = task.targets(torch.tensor(row))
    return [t if s else None for t, s in zip(targets.tokens.tolist(), targets.scored.tolist(), strict=True)]


def test_edges_of_selective_copying():
    task = SelectiveCopying(n_words=3, numbers=(1, 2))  # tokens 3 and 4 are the numbers 1 and 2
    assert one(task, [0]) == [None]
    assert one(task, [4]) == [None]
    assert one(task, [0, 1, 2]) == [None, None, None]
    assert one(task, [4, 1, 2]) == [None, None, 4]
    assert one(task, [0, 3, 4]) == [None, 0, 0]
    assert one(task, [3, 3, 3]) == [None, 3, 3]


def test_edges_of_decoding_recall():
    task = DecodingRecall(n_bits=2)  # words 0..3, 4 and 5 are bit 0 and bit 1
    assert one(task, [0]) == [None]
    assert one(task, [0, 1]) == [None, 1]
    assert one(task, [2, 5, 4]) == [None, None, 5]
    assert one(task, [1, 2, 1, 3, 5]) == [None, None, None, None, 3]
    last = DecodingRecall(n_bits=2, variant="last")
    assert one(last, [3, 2, 3, 5, 5]) == [None, None, None, None, 5]
    assert one(last, [3, 2, 0, 5, 5]) == [None, None, None, None, 2]
    assert one(last, [1, 2, 0, 5, 5]) == [None] * 5


def test_edges_of_the_other_recalls():
    assert one(AssociativeRecall(n_words=3), [1, 1, 1]) == [None, 1, 1]
    assert one(AssociativeRecall(n_words=3), [1, 2, 1, 0, 1]) == [None, None, 2, None, 0]
    pairs = MultiKeyRecall(n_words=3)
    assert one(pairs, [0, 1, 2, 0, 1]) == [None] * 5  # the key that ends at position 1 is not recorded
    assert one(pairs, [2, 0, 1, 2, 0, 1]) == [None, None, None, None, None, 2]
    assert one(pairs, [0, 0, 0, 0]) == [None, None, None, 0]
    assert one(MultiKeyRecall(n_words=3, key_length=1), [0, 1, 0, 0]) == [None, None, None, 0]


def test_edges_of_the_needle():
    task, early = Needle(n_words=3), Needle(n_words=3, score_marker=True)  # 3 is marker A, 4 is marker B
    assert one(task, [0, 3, 1, 2, 4]) == [None, None, 1, 1, 1]
    assert one(early, [0, 3, 1, 2, 4]) == [None, 1, 1, 1, 1]
    assert one(task, [0, 1, 4]) == [None] * 3
    assert one(task, [3, 1, 3, 2]) == [None, 1, 1, 2]
    assert one(early, [3, 1, 3, 2]) == [1, 1, 2, 2]
    assert one(task, [3, 3, 1]) == [None, 3, 1]
    assert one(early, [3, 1, 3]) == [1, 1, None]
    assert one(task, [3]) == one(early, [3]) == [None]


def test_edges_of_mqar():
    keys = {"n_keys": 2, "n_values": 2, "n_pairs": 1}  # 0 and 1 are keys, 2 and 3 values, 4 is the filler
    latest, first = MQAR(**keys), MQAR(**keys, keep="first")
    row = [0, 2, 0, 3, 0]
    assert one(latest, row) == [None, None, 2, None, 3]
    assert one(first, row) == [None, None, 2, None, 2]
    for task in (latest, first):
        assert one(task, [0, 1, 2, 0, 1]) == [
            None,
            None,
            None,
            None,
            2,
        ]  # a key behind a key is given nothing
        assert one(task, [0, 4, 2, 0]) == [None] * 4  # nor is one that a filler follows
        assert one(task, [2, 3, 2]) == [None] * 3  # a value is no key
        assert one(task, [2, 0, 2]) == [None] * 3  # nor does the last token of a row go on at its first
        assert one(task, [0, 2, 1, 0]) == [None, None, None, 2]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (SelectiveCopying(n_words=6, numbers=(5, 2)), None),
        (DecodingRecall(n_bits=2), {"a": 0, "b": 1, "c": 2, "d": 3, "0": 4, "1": 5}),
        (AssociativeRecall(n_words=4), None),
        (MultiKeyRecall(n_words=4), None),
        (Needle(n_words=4), None),
        (MQAR(n_keys=2, n_values=4, n_pairs=1), None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_picture_of_each_module_is_true(task, names):
    text = sys.modules[type(task).__module__].__doc__
    names = names or {name: token for token, name in enumerate(task.token_names)}
    n = len(re.search(r"^    tokens +(.*?)(?:   .*)?$", text, re.M)[1].split())
    lines = {
        line: re.search(rf"^    {line} +(.*)$", text, re.M)[1].split()[:n] for line in ("tokens", "targets")
    }
    expected = [None if name == "-" else names[name] for name in lines["targets"]]
    assert one(task, [names[name] for name in lines["tokens"]]) == expected
    if isinstance(task, DecodingRecall):
        register = re.search(r"^    register +(.*)$", text, re.M)[1].split()[:n]
        control, defined = task.control(torch.tensor([names[name] for name in lines["tokens"]]))
        assert control.tolist() == [names[name] for name in register]
        assert defined.all()
