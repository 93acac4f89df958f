"""At an error above 0 the average is over all contents, those that do not come back among them."""

import math
import random
from fractions import Fraction

import pytest

from plait.tasks import AssociativeRecall, MultiKeyRecall, Needle
from plait.theory import check, open_game, sealed, ssm_state_bits
from plait.theory.certificate import states_needed
from plait.theory.checker.claim import ERROR_OVER
from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families import families

WORDS, OTHERS = 16, 3_984


def diluted(error, bits, **changes):
    """Needle: the word after A, 16 contents that come back; and 3,984 in which it is word 0, which do not."""
    others = {"at": [2], "values": 1, "reads": [0], "answers": [[WORDS - 1]] * OTHERS}
    document = {
        "format": "plait certificate",
        "version": 1,
        "quantity": "state bits",
        "task": "needle",
        "params": {"n_words": WORDS, "score_marker": False},
        "bits": bits,
        "error": error,
        "error_over": ERROR_OVER,
        "confidence": 1,
        "trials": 1,
        "tables": [list(range(WORDS)), [word % WORDS for word in range(OTHERS)]],
        "suffixes": [[0]],
        "queries": [[0, 0]],
        "answers": list(range(WORDS)),
        "codec": {
            "kind": "union",
            "parts": [
                {"base": [WORDS, 0, 0], "slots": [{"at": [1], "values": 0, "reads": [0]}]},
                {"base": [WORDS, 0, 0], "slots": [others]},
            ],
        },
    }
    return sealed(document | changes)


def always_word_0(game) -> Fraction:
    """The average error of the model of one state that always answers word 0, over all contents and queries."""
    wrong = pairs = 0
    for index in range(game.size):
        (row,) = game.right_answers([game.encode(index)])
        wrong += sum(answer not in (None, 0) for answer in row)
        pairs += len(row)
    return Fraction(wrong, pairs)


def test_what_one_state_can_do_is_not_refuted():
    document = diluted(0.01, 4)
    error = always_word_0(open_game(document))
    assert error == Fraction(WORDS - 1, WORDS + OTHERS) < Fraction(1, 100)
    verdict = check(document)
    assert not verdict.accepted
    assert verdict.bits == 0
    assert verdict.reason.endswith(f"for an average error of at most 0.01 over {ERROR_OVER}")


def test_an_error_below_what_one_state_makes_is_scaled():
    """At an average error of d over 4,000 contents, the 16 that come back have one of at most 250 d."""
    for error in (Fraction(1, 10_000), Fraction(1, 2_000), Fraction(3, 1_000)):
        verdict = check(diluted(float(error), 0))
        most_wrong = error * (WORDS + OTHERS)  # of the 16 contents: so many may be answered wrongly
        states = math.ceil(WORDS - most_wrong)
        assert verdict.bits == Fraction(math.floor(1000 * math.log2(states)), 1000)


def test_the_share_that_comes_back_costs_as_much_where_contents_are_sampled():
    task = AssociativeRecall(n_words=9)
    bound = ssm_state_bits(task, error="0.05")
    verdict = check(bound.certificate, seed=1)
    assert verdict.accepted
    assert bound.value - bound.certified < Fraction(1, 10)
    # Texts so short that every fifth tree fits into none: those have no prefix, and do not come back.
    length = bound.certificate["codec"]["length"] - 4
    short = sealed(
        {**bound.certificate, "codec": {**bound.certificate["codec"], "length": length}, "bits": 0}
    )
    found = check(short, seed=1)
    game = open_game(short)
    drawn = random.Random(2).choices(range(game.size), k=20_000)
    share = Fraction(sum(game.encode(index) is not None for index in drawn), len(drawn))
    assert Fraction(1, 4) < share < Fraction(9, 10)
    family = max(families(task, None), key=lambda family: family.size)
    unscaled = states_needed(family, Fraction(1, 20), Fraction(1)) * share
    surely = least_success_rate(round(share * short["trials"]), short["trials"], ALPHA)
    scaled = states_needed(family, Fraction(1, 20), surely)
    assert scaled < unscaled / 1.2
    assert 1 / 2 < 2 ** float(found.bits) / scaled < 2


@pytest.mark.parametrize("over", [None, "the contents that come back", "", 1])
def test_the_file_says_what_the_error_is_an_average_of(over):
    assert "error_over" in check(diluted(0.01, 0, error_over=over)).reason
    document = {key: value for key, value in diluted(0.01, 0).items() if key != "error_over"}
    assert check(sealed(document)).reason == "the certificate lacks 'error_over'"
    without = ssm_state_bits(Needle(n_words=5)).certificate
    assert "error_over" not in without
    assert "unknown field 'error_over'" in check(sealed({**without, "error_over": ERROR_OVER})).reason


def test_bounds_say_so_too():
    for task in (AssociativeRecall(n_words=9), MultiKeyRecall(n_words=3)):
        bound = ssm_state_bits(task, error="0.1", seq_len=20)
        assert "average error over all contents and queries is at most 0.1" in bound.statement
        assert bound.certificate["error_over"] == ERROR_OVER
        assert check(bound.certificate).accepted
