"""Functions and placings: each content has one number, no prefix is answered otherwise, and tampering is refused."""

import itertools
import json
import math
import random

import pytest
import torch
from own_tasks import Hidden

from plait.tasks import PositionRetrieval, SegmentedRecall
from plait.theory import check, find_state_bits, open_game, sealed
from plait.theory.checker.claim import read_claim
from plait.theory.checker.document import plain
from plait.theory.families.field import field_families
from plait.theory.recurrent import table_state_bits

SEGMENTED = table_state_bits(SegmentedRecall(n_words=3), 7)
POSITIONS = table_state_bits(PositionRetrieval(n_words=4, n_positions=3), 5)
TWO = PositionRetrieval(n_words=2, n_positions=2)


@pytest.mark.parametrize(
    ("bound", "task", "letters"),
    [
        (SEGMENTED, SegmentedRecall(n_words=3), range(3)),
        (POSITIONS, PositionRetrieval(n_words=4, n_positions=3), range(8)),
        (table_state_bits(TWO, 6), TWO, range(5)),
    ],
    ids=["segments", "positions", "two positions"],
)
def test_all_prefixes_whose_every_answer_is_defined_are_those_contents(bound, task, letters):
    """By exhaustion over all rows of the prefix's length (in segments: of words)."""
    game = open_game(bound.certificate)
    rows = torch.tensor(list(itertools.product(letters, repeat=game.prefix_length)))
    rows = rows[(rows != getattr(task, "n_words", -1)).all(1)]  # the mark, or the semicolon
    answers = []
    for suffix, position in ((game.suffixes[suffix], position) for suffix, position in game.queries):
        found = task.targets(torch.cat([rows, torch.tensor(suffix).expand(len(rows), -1)], dim=1))
        place = game.prefix_length + position
        answers.append(torch.where(found.scored, found.tokens, -1)[:, place])
    told = torch.stack(answers, dim=1)
    tables = set(map(tuple, told[(told >= 0).all(1)].tolist()))
    assert len(tables) == game.size
    written = [game.encode(index) for index in range(game.size)]
    assert {tuple(row) for row in game.right_answers(written)} == tables
    assert [game.decode(row) for row in game.right_answers(written)] == list(range(game.size))


def test_what_answers_to_no_content_is_none():
    segmented, positions = (open_game(bound.certificate) for bound in (SEGMENTED, POSITIONS))
    assert segmented.decode([0, 1, 3]) is None  # the semicolon follows nothing
    assert segmented.decode([0, 1, None]) is None
    assert positions.decode([5, 5, 7, 7]) is None  # two words at one place
    assert positions.decode([7, 7, 7, 7]) == 0  # no word at all


CHANGES = (
    (SEGMENTED, {"words": [0, 1, 1]}, "distinct"),
    (SEGMENTED, {"words": []}, "distinct"),
    (SEGMENTED, {"words": [0, 1, 9]}, "integers"),
    (SEGMENTED, {"words": [0, 2, 1]}, "claimed"),
    (SEGMENTED, {"words": [0, 1]}, "for each of the 2"),
    (SEGMENTED, {"reads": [0, 1]}, "for each of the 3"),
    (SEGMENTED, {"reads": [0, 1, 1]}, "claimed"),
    (SEGMENTED, {"reads": [0, 1, 3]}, "integers"),
    (SEGMENTED, {"length": 5}, "claimed"),
    (SEGMENTED, {"length": 0}, "length"),
    (SEGMENTED, {"more": 1}, "unknown field"),
    (SEGMENTED, {"kind": "placings"}, "lacks"),
    (POSITIONS, {"blank": 0}, "none of the words"),
    (POSITIONS, {"blank": 4}, "claimed"),
    (POSITIONS, {"blank": None}, "claimed"),
    (POSITIONS, {"blank": 99}, "integers"),
    (POSITIONS, {"answers": [5, 5]}, "of its own"),
    (POSITIONS, {"answers": []}, "of its own"),
    (POSITIONS, {"answers": [6, 5]}, "claimed"),
    (POSITIONS, {"answers": [5, 7]}, "claimed"),
    (POSITIONS, {"words": [0, 1, 2, 2]}, "distinct"),
    (POSITIONS, {"reads": [0, 1, 2, 2]}, "claimed"),
    (POSITIONS, {"kind": "functions"}, "lacks"),
)


@pytest.mark.parametrize(("bound", "change", "said"), CHANGES, ids=lambda one: str(one)[:30])
def test_a_changed_codec_is_refused(bound, change, said):
    document = json.loads(json.dumps(bound.certificate))
    assert check(document).accepted
    document["codec"].update(change)
    assert "digest" in check(document).reason
    verdict = check(sealed(document), seed=1)
    assert not verdict.accepted
    assert said in verdict.reason
    more = {**bound.certificate, "bits": bound.certificate["bits"] + 0.001}
    assert "claimed" in check(sealed(more), seed=1).reason


def test_words_that_do_not_fill_the_places_are_refused():
    document = json.loads(json.dumps(POSITIONS.certificate))
    document["codec"].update(words=[0], reads=[0], blank=None)
    assert "do not fill" in check(sealed(document)).reason
    with pytest.raises(ValueError, match="do not fill"):
        open_game(sealed(document))


def test_any_function_of_first_followers_is_found_behind_another_name():
    """16 tokens of 8 words hold 8^8; the search leaves the semicolon out."""
    task = Hidden(inner=SegmentedRecall())
    bound = find_state_bits(task, seq_len=30, seconds=1)
    assert "8 tokens first: all functions" in bound.statement
    assert 23.9 < bound.value <= 24
    assert check(bound.certificate, task=task).accepted


@pytest.mark.parametrize("n_words", [3, 4, 5])
def test_a_placing_is_a_word_at_each_place_or_none(n_words):
    (placings, orders) = field_families(PositionRetrieval(n_words=n_words, n_positions=3), 20)
    assert placings.size == sum(math.comb(2, n) * math.perm(n_words, n) for n in range(3)) > orders.size


def test_no_changed_codec_is_certified_for_more_than_all_prefixes_hold():
    """Of prefixes told apart two by two none shares a group, in which no two are."""
    rng, certified = random.Random(0), 0
    for _ in range(150):
        document = json.loads(json.dumps(rng.choice((SEGMENTED, POSITIONS)).certificate))
        n_tokens = sum(document["params"].get(name, 0) for name in ("n_words", "n_positions")) + 1
        change(document, rng, n_tokens)
        verdict = check(sealed(document), seed=1)
        if verdict.accepted and verdict.bits > 0:
            certified += 1
            board = read_claim(plain(sealed(document)), None).board
            length = open_game(sealed(document)).prefix_length
            prefixes = [list(prefix) for prefix in itertools.product(range(n_tokens), repeat=length)]
            told = set(map(tuple, board.tables(prefixes, range(len(board.queries)))))
            assert float(verdict.bits) <= math.log2(groups(told))
    assert certified > 50


def change(document, rng, n_tokens):
    """One to three entries of its suffixes and its codec."""
    codec, suffixes = document["codec"], document["suffixes"]
    if "length" in codec:
        codec["length"] -= rng.randrange(2)
    if "blank" in codec and rng.random() < 0.3:
        codec["blank"] = rng.choice((None, *range(n_tokens)))
    lists = [*suffixes, *(codec[name] for name in ("words", "reads", "answers") if name in codec)]
    for _ in range(rng.randint(1, 3)):
        one = rng.choice(lists)
        most = len(suffixes) if one is codec["reads"] else n_tokens
        one[rng.randrange(len(one))] = rng.randrange(most)
    document["bits"] = 0


def groups(told):
    """Rows of answers, greedily put together where no two differ in an answer that both have."""
    found = []
    for row in sorted(told, key=lambda row: row.count(None)):
        for group in found:
            if all(None in (a, b) or a == b for other in group for a, b in zip(row, other, strict=True)):
                group.append(row)
                break
        else:
            found.append([row])
    return len(found)
