"""Each family's witness attains its bound: written, asked of plait.tasks itself, and read back."""

from fractions import Fraction

import pytest
import torch
from theory_cases import PAPER_TASKS, SMALL_TASKS

from plait.random import Stream
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import check, open_game, ssm_state_bits, state_count
from plait.theory.exact_numbers import log2_floor
from plait.theory.families import families
from plait.theory.families.trees import (
    KEPT_LENGTHS,
    counted_lengths,
    random_tree,
    share_that_fits,
    walk_length,
    worst_walk,
)

LENGTHS = (None, 8, 12, 20, 40, 100)


def by_targets(task, game, prefixes):
    """The answers to all queries about each prefix, by plait.tasks."""
    tables = []
    for prefix in prefixes:
        answers = [None] * len(game.queries)
        for number, suffix in enumerate(game.suffixes):
            targets = task.targets(torch.tensor([[*prefix, *suffix]]))
            for query, (own, position) in enumerate(game.queries):
                place = len(prefix) + position
                if own == number and targets.scored[0, place]:
                    answers[query] = int(targets.tokens[0, place])
        tables.append(answers)
    return tables


@pytest.mark.parametrize("task", [*SMALL_TASKS, DecodingRecall(n_bits=2, variant="last")], ids=repr)
def test_small_tasks_attain_the_exact_count(task):
    bound = ssm_state_bits(task)
    assert bound.states == state_count(task)
    assert bound.value == log2_floor([(bound.states, 1)], parts=1000)
    assert bound.confidence == 1
    verdict = check(bound.certificate, seed=1)
    assert verdict.accepted
    assert verdict.bits == bound.value, "every state of a small task is written and read back"
    assert verdict.confidence == 1


@pytest.mark.parametrize("task", PAPER_TASKS, ids=repr)
def test_the_paper_s_sizes_attain_the_exact_count_at_length_100(task):
    bound = ssm_state_bits(task, seq_len=100)
    assert bound.value >= ssm_state_bits(task).value - Fraction(1, 2)
    assert bound.value - bound.certified < Fraction(1, 4)
    verdict = check(bound.certificate, seed=1)
    assert verdict.accepted
    assert verdict.bits >= bound.certified


def test_the_figures_of_the_paper_s_sizes():
    exact = [float(ssm_state_bits(task).value) for task in PAPER_TASKS]
    assert exact == [45.452, 155.0, 189.0, 164.981, 155.0, 6.658]
    at_100 = [float(ssm_state_bits(task, seq_len=100).value) for task in PAPER_TASKS]
    assert at_100 == [45.452, 155.0, pytest.approx(188.7, abs=0.1), 164.981, 155.0, 6.658]
    assert [ssm_state_bits(task, seq_len=100).states is not None for task in PAPER_TASKS] == [
        1,
        1,
        0,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize("seq_len", LENGTHS)
@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=4, numbers=(2, 5)),
        AssociativeRecall(n_words=9),
        MultiKeyRecall(n_words=4, key_length=2),
        MultiKeyRecall(n_words=3, key_length=3),
        DecodingRecall(n_bits=3),
        DecodingRecall(n_bits=3, variant="last"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("error", ["0", "0.05"])
def test_at_every_length_the_bound_is_certified_and_not_above_the_exact_count(task, seq_len, error):
    bound = ssm_state_bits(task, error=error, seq_len=seq_len)
    exact = log2_floor([(state_count(task), 1)], parts=1000)
    assert bound.value <= exact
    if bound.certificate is None:
        assert bound.value == 0
        return
    game = open_game(bound.certificate)
    if seq_len is not None:
        assert game.prefix_length + max(map(len, game.suffixes)) <= seq_len
    verdict = check(bound.certificate, seed=4)
    assert verdict.accepted, verdict.reason
    assert verdict.bits <= exact


@pytest.mark.parametrize("task", [*PAPER_TASKS, MultiKeyRecall(n_words=4, key_length=3)], ids=repr)
@pytest.mark.parametrize("seq_len", [20, 100])
def test_families_play_by_the_targets_of_plait_tasks(task, seq_len):
    for family in families(task, seq_len):
        if family.share < 1:
            continue
        from plait.theory.certificate import state_certificate

        game = open_game(state_certificate(task, family, Fraction(0))[0])
        assert game.size == family.size
        indices = [0, 1 % game.size, game.size // 3, game.size - 1]
        prefixes = [game.encode(index) for index in indices]
        tables = by_targets(task, game, prefixes)
        assert tables == game.right_answers(prefixes)
        assert [game.decode(answers) for answers in tables] == indices


def test_values_grow_with_the_length_and_stop_at_the_exact_count():
    for task in (AssociativeRecall(n_words=16), DecodingRecall(n_bits=3), SelectiveCopying()):
        values = [
            ssm_state_bits(task, seq_len=length).value for length in (2, 3, 5, 8, 12, 17, 21, 25, 31, 40, 59)
        ]
        assert values == sorted(values)
        assert values[-1] == ssm_state_bits(task).value


def test_errors_cost_bits():
    for task in (AssociativeRecall(n_words=16), MultiKeyRecall(n_words=4), DecodingRecall(n_bits=3)):
        values = [ssm_state_bits(task, error=error).value for error in ("0", "0.01", "0.1", "0.5", "0.9")]
        assert values == sorted(values, reverse=True)
        assert values[-1] >= 0


def test_the_printed_theorem_is_never_positive():
    for task in (*PAPER_TASKS, *SMALL_TASKS):
        printed = ssm_state_bits(task).printed
        assert printed.value <= 0
        assert ">=" in printed.why


def test_every_tree_fits_into_the_worst_walk():
    assert share_that_fits(8, 2, most=worst_walk(8, 2), root=None) == (1, 1)
    share, confidence = share_that_fits(8, 2, most=96, root=None)
    assert share == Fraction(6_813_623, 2**23)
    assert confidence == 1 - Fraction(1, 10**6)
    assert share_that_fits(8, 2, most=60, root=None)[0] == 0


@pytest.mark.parametrize("case", KEPT_LENGTHS, ids=str)
def test_kept_lengths_are_those_of_the_trees(case):
    assert KEPT_LENGTHS[case] == counted_lengths(*case)


def whole_text(n, k, root, sample):
    """The random text whose last followers are the tree, from its first letter on; every key is in it."""
    words = Stream(n * 1009 + k, sample, 7).bits((40 * n**k + k,))
    letters = (words * n >> 32).tolist()
    if root is not None:
        letters[-k:] = [root // n**place % n for place in reversed(range(k))]
    return letters


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 1), (2, 3), (5, 2), (3, 3)])
@pytest.mark.parametrize("rooted", [False, True])
def test_a_tree_that_is_read_from_the_end_is_that_of_the_whole_text(n, k, rooted):
    for sample in range(40):
        root = (n**k - 1) // 2 if rooted else None
        followers, last = random_tree(n, k, root, sample)
        text = whole_text(n, k, root, sample)
        expected = {}
        for at in range(len(text) - k + 1):
            key = sum(letter * n**place for place, letter in enumerate(reversed(text[at : at + k])))
            expected[key] = text[min(at + k, len(text) - 1)]
        assert (followers, last) == ([expected[key] for key in range(n**k)], key)


def matched_one_by_one(followers, root, n, k):
    """The extra letters of `walk_length`, with every key that is left too often taken by itself."""
    keys = n**k
    ways = [(key * n + followers[key]) % keys for key in range(keys) if key != root]
    leaves = [key for key in range(keys) if key != root and key not in ways]
    spare = [key for key in range(keys) for _ in range(ways.count(key) - 1)]
    extra = 0
    for shared in reversed(range(k)):
        for key in spare[:]:
            met = next((leaf for leaf in leaves if leaf // n ** (k - shared) == key % n**shared), None)
            if met is not None:
                leaves.remove(met)
                spare.remove(key)
                extra += k - shared
    return k + keys - 1 + extra


@pytest.mark.parametrize(("n", "k"), [(2, 1), (4, 1), (2, 4), (4, 2), (3, 3)])
def test_texts_of_trees_are_as_long_as_one_by_one(n, k):
    for sample in range(40):
        followers, root = random_tree(n, k, None, sample)
        assert walk_length(followers, root, n=n, k=k) == matched_one_by_one(followers, root, n, k)


@pytest.mark.parametrize("error", [1, -0.1, float("nan"), "x", None])
def test_errors_out_of_range_are_refused(error):
    with pytest.raises(ValueError, match="error must be"):
        ssm_state_bits(AssociativeRecall(n_words=4), error=error)


@pytest.mark.parametrize("seq_len", [0, -1, 2.5, True])
def test_lengths_out_of_range_are_refused(seq_len):
    with pytest.raises(ValueError, match="seq_len must be"):
        ssm_state_bits(AssociativeRecall(n_words=4), seq_len=seq_len)


def test_a_task_without_a_family_says_what_it_needs():
    with pytest.raises(ValueError, match="find_state_bits"):
        ssm_state_bits(object())


@pytest.mark.parametrize(
    "task",
    [
        SelectiveCopying(n_words=3, numbers=(2, 4)),
        AssociativeRecall(n_words=6),
        MultiKeyRecall(n_words=2, key_length=2),
        MultiKeyRecall(n_words=3, key_length=2),
        MultiKeyRecall(n_words=2, key_length=3),
        DecodingRecall(n_bits=2),
        DecodingRecall(n_bits=2, variant="last"),
        Needle(n_words=4),
    ],
    ids=repr,
)
def test_a_longer_input_never_needs_less(task):
    """What is needed at a length is needed at every greater one: a row may go on."""
    bits = [ssm_state_bits(task, seq_len=seq_len).value for seq_len in range(4, 16)]
    assert bits == sorted(bits)
