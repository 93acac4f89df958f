"""The tasks that the field compares on: their targets by programs and plain loops, their samplers, what they refuse."""

import itertools
import math
import re
import sys

import pytest
import torch
from field_cases import COMPILED, FIELD, LOOPED, SMALL_FIELD
from test_task_samplers import assert_binomial, assert_uniform

from plait.native import library
from plait.random import TEST, Stream
from plait.tasks import (
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    StringCopying,
    task_from_json,
    task_to_json,
)
from plait.tasks.contract import check_task


def shown(targets):
    rows = zip(targets.tokens.tolist(), targets.scored.tolist(), strict=True)
    return [[t if s else None for t, s in zip(*row, strict=True)] for row in rows]


def rows_of(task):
    """Every short row, random long ones, sampled ones."""
    n, length = task.ordinary_tokens, 3
    while n ** (length + 1) <= 2000:
        length += 1
    yield from (torch.tensor(list(itertools.product(range(n), repeat=k))) for k in range(1, length + 1))
    yield torch.randint(n, (30, 50), generator=torch.Generator().manual_seed(1))
    yield task.sample(Stream(5, 0, TEST), batch=30, seq_len=49)


@pytest.fixture(params=["compiled", "tensor operations"])
def path(request, monkeypatch):
    if request.param == "compiled" and not library.available():
        pytest.skip("no compiled library here")
    if request.param == "tensor operations":
        monkeypatch.setattr(library, "load_library", lambda: None)


@pytest.mark.usefixtures("path")
class TestTargets:
    @pytest.mark.parametrize(("task", "program"), COMPILED, ids=[repr(task) for task, _ in COMPILED])
    def test_a_program_says_the_same(self, task, program):
        for tokens in rows_of(task):
            found = shown(task.targets(tokens))
            assert found == shown(program.run(tokens))
            assert found == [list(task.answers(row)) for row in tokens.tolist()]

    @pytest.mark.parametrize(("task", "loop"), LOOPED, ids=[repr(task) for task, _ in LOOPED])
    def test_a_plain_loop_says_the_same(self, task, loop):
        for tokens in rows_of(task):
            found = shown(task.targets(tokens))
            assert found == [loop(task, row) for row in tokens.tolist()]
            assert found == [list(task.answers(row)) for row in tokens.tolist()]

    @pytest.mark.parametrize("task", [kind() for kind in FIELD], ids=repr)
    def test_at_the_field_s_size(self, task):
        tokens = task.sample(Stream(torch.tensor([3, 4])), batch=8)
        found = task.targets(tokens.to(torch.int16))
        assert found.tokens.shape == found.scored.shape == tokens.shape
        assert not found.tokens[~found.scored].any()
        for member in range(2):
            answers = [list(task.answers(row)) for row in tokens[member].tolist()]
            assert shown(task.targets(tokens[member])) == answers
        assert 0.15 < found.scored.float().mean() <= 1
        check_task(task, seq_len=60)


@pytest.mark.parametrize("kind", FIELD)
def test_the_picture_is_true(kind):
    small = {
        "numbers": (1, 2),
        "n_noise": 2,
        "rows": 2,
        "columns": 2,
        "least": 3,
        "n": 2,
        "n_words": 6,
        "n_letters": 2,
        "n_positions": 3,
    }
    task = kind(**{name: value for name, value in small.items() if name in kind.__dataclass_fields__})
    ids = {name: token for token, name in enumerate(task.token_names)}
    text = sys.modules[kind.__module__].__doc__
    tokens, targets = (
        re.split(" {4,}", re.search(rf"^    {line} +(.*)$", text, re.M)[1])[0].split()
        for line in ("tokens", "targets")
    )
    row = [ids[name] for name in tokens]
    assert list(task.answers(row)) == [None if name == "-" else ids[name] for name in targets]


@pytest.mark.parametrize("task", SMALL_FIELD, ids=repr)
def test_json_and_back_again(task):
    assert task_from_json(task_to_json(task)) == task


def many(task, seq_len=24, batch=4096):
    return task.sample(Stream(torch.tensor([8]), 3, TEST), batch=batch, seq_len=seq_len)[0]


@pytest.mark.parametrize("p", [0.3, 0.0, 1.0])
def test_words_with_marks_among_them(p):
    for task, n in (
        (FuzzyRecall(n_letters=3, p_value=p), 3),
        (NoisyRecall(n_words=4, n_noise=2, p_noise=p), 4),
        (SegmentedRecall(n_words=3, p_end=p), 3),
        (FollowBack(n_words=3, numbers=(2, 5), p_number=p), 3),
    ):
        tokens = many(task)
        mark = tokens >= n
        assert_binomial(mark.sum(), mark.numel(), p)
        assert_binomial((mark[:, ::2] & mark[:, 1::2]).sum(), mark.numel() // 2, p * p)
        if p < 1:
            assert_uniform(tokens[~mark], n)
        if p > 0:
            assert_uniform(tokens[mark] - n, task.ordinary_tokens - n)


def test_uniform_tokens():
    assert_uniform(many(KHopInduction(n_words=5)), 5)
    assert_uniform(many(ModularCounting(modulus=4)), 4)


def test_flips():
    tokens = many(FlipCounting(p_flip=0.2))
    flip = tokens[:, 1:] != tokens[:, :-1]
    assert_uniform(tokens[:, 0], 2)
    assert_binomial(flip.sum(), flip.numel(), 0.2)
    assert_binomial((flip[:, :-1:2] & flip[:, 1::2]).sum(), flip[:, 1::2].numel(), 0.04)


def test_a_matrix_and_questions():
    tokens = many(MatrixLookup(n_words=3, rows=2, columns=3), seq_len=20)
    assert (tokens[:, [3, 7]] == 3).all()
    assert_uniform(tokens[:, [0, 1, 2, 4, 5, 6]], 3)
    assert_uniform(tokens[:, 8::2] - 4, 2)
    assert_uniform(tokens[:, 9::2] - 6, 3)


def test_brackets():
    """Well nested throughout, and a free walk wherever it may go either way."""
    task = Dyck(n_kinds=2, depth=3)
    tokens = many(task, seq_len=41)
    opens = tokens % 2 == 0
    depth = torch.where(opens, 1, -1).cumsum(-1)
    before = depth - torch.where(opens, 1, -1)
    assert 0 <= depth.min() <= depth.max() == 3
    free = (before > 0) & (before < 3)
    assert opens[before == 0].all()
    assert not opens[before == 3].any()
    assert_binomial(opens[free].sum(), int(free.sum()), 0.5)
    assert_uniform(tokens[opens] // 2, 2)
    told = task.targets(tokens)
    assert told.scored[depth > 0].all()
    assert torch.equal(tokens[:, 1:][~opens[:, 1:]], told.tokens[:, :-1][~opens[:, 1:]])


def test_positions():
    tokens = many(PositionRetrieval(n_words=4, n_positions=2), seq_len=20)
    assert (tokens[:, 2] == 4).all()
    codes = tokens[:, 0] * 4 + tokens[:, 1]
    for code, count in enumerate(codes.bincount(minlength=16).tolist()):
        assert_binomial(count, len(codes), (code // 4 != code % 4) / 12)
    assert_uniform((tokens[:, 3:] == tokens[:, 1:2]).long(), 2)
    assert PositionRetrieval(n_words=4, n_positions=2).targets(tokens).scored[:, 3:].all()


def test_n_grams():
    task = NGramRetrieval(n_words=3, n=2)
    tokens = many(task, seq_len=21)
    assert_uniform(tokens[:, :10], 3)
    assert (tokens[:, [10, 15, 20]] == 3).all()
    told = task.targets(tokens)
    answers = torch.tensor([12, 13, 17, 18])
    assert told.scored[:, answers].all()
    assert told.scored.sum() == 4 * len(tokens)
    assert torch.equal(tokens[:, answers + 1], told.tokens[:, answers])
    hay = tokens[:, :10].unfold(1, 4, 1)  # pairs that two words follow
    pairs = hay[..., 0] * 3 + hay[..., 1]
    query = tokens[:, 11] * 3 + tokens[:, 12]
    share = (pairs == query[:, None]).float().mean(1)
    assert share.min() >= 1 / 7
    expected = sum(((pairs == pair).float().mean(1) ** 2).sum() for pair in range(9)) / len(tokens)
    assert share.mean() == pytest.approx(float(expected), abs=0.02)  # asked for as often as it stands there


@pytest.mark.parametrize("seq_len", [2, 3, 20, 21])
def test_a_string_and_its_copy(seq_len):
    tokens, half = many(StringCopying(n_words=5), seq_len=seq_len), (seq_len + 1) // 2
    assert_uniform(tokens[:, :half], 5)
    assert (tokens[:, half] == 5).all()
    assert torch.equal(tokens[:, half + 1 :], tokens[:, : seq_len - half - 1])
    assert StringCopying(n_words=5).targets(tokens).scored[:, half:].all()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        *(
            (kind, "n_words", value)
            for kind in FIELD
            if hasattr(kind, "n_words")
            for value in (0, 2.0, True, "8")
        ),
        *((FuzzyRecall, "n_letters", value) for value in (0, 2**15 + 1, None)),
        *((NoisyRecall, "n_noise", value) for value in (0, "1")),
        *((SegmentedRecall, "n_segments", value) for value in (0, 2**16 + 1)),
        *((MatrixLookup, name, value) for name in ("rows", "columns") for value in (0, 2**15 + 1, 1.5)),
        *((kind, "hops", value) for kind in (KHopInduction, FollowBack) for value in (0, 1001, 2.0)),
        *((FollowBack, "numbers", value) for value in ((), (0,), (2, 2), 5)),
        *((NGramRetrieval, "n", value) for value in (0, 9, 33, "2")),
        *((PositionRetrieval, "n_positions", value) for value in (0, 33, None)),
        *((Dyck, name, value) for name in ("n_kinds", "depth") for value in (0, 2**20 + 1, True)),
        *((FlipCounting, "least", value) for value in (0, 2**31, 1.0)),
        *((ModularCounting, "modulus", value) for value in (1, 2**20 + 1, "3")),
        *(
            (kind, field, value)
            for kind, field in (
                (FuzzyRecall, "p_value"),
                (NoisyRecall, "p_noise"),
                (SegmentedRecall, "p_end"),
                (FollowBack, "p_number"),
                (FlipCounting, "p_flip"),
            )
            for value in (-0.1, 1.1, math.nan, "0.2", None)
        ),
    ],
)
def test_what_is_refused(kind, field, value):
    with pytest.raises(ValueError, match=rf"{field.removesuffix('s')}.* must be .*got") as caught:
        kind(**{field: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("task", "shortest"),
    [
        (MatrixLookup(), 22),
        (FollowBack(), 10),
        (NGramRetrieval(), 8),
        (PositionRetrieval(), 10),
        (StringCopying(), 2),
    ],
    ids=repr,
)
def test_the_shortest_row(task, shortest):
    assert task.sample(Stream(0), seq_len=shortest).shape == (8, shortest)
    with pytest.raises(ValueError, match=f"seq_len must .*got {shortest - 1}"):
        task.sample(Stream(0), seq_len=shortest - 1)


def test_controls():
    assert FuzzyRecall(n_letters=2).control(torch.tensor([0, 1, 3, 1]))[0].tolist() == [0, 3, 0, 5]
    assert NoisyRecall(n_words=2).control(torch.tensor([1, 3, 0]))[1].tolist() == [True, False, True]
    told, defined = Dyck(depth=2).control(torch.tensor([0, 2, 0, 1, 1, 1, 1]))
    assert told.tolist() == [1, 2, 0, 2, 1, 0, 0]
    assert defined.tolist() == [True, True, False, True, True, True, False]
    told, defined = FollowBack(n_words=2, numbers=(4, 7)).control(torch.tensor([0, 3, 1, 2]))
    assert told.tolist() == [0, 7, 7, 4]
    assert defined.tolist() == [False, True, True, True]
