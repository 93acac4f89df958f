"""Depth: the content that one layer must carry comes back from the task's own targets; where published bounds speak."""

from itertools import product

import pytest
import torch

from plait.tasks import AssociativeRecall
from plait.theory.depth import (
    attention_holds,
    composition_length_bits,
    hybrid_length_bits,
    one_attention_layer,
)


@pytest.mark.parametrize(("n_words", "seq_len"), [(3, 7), (4, 8), (2, 9), (5, 4)])
def test_what_one_layer_must_carry_is_told_apart_by_where_the_asker_looks(n_words, seq_len):
    """Rows that differ in the content alone, at places that the asker leaves untouched, have different answers."""
    task = AssociativeRecall(n_words=n_words)
    bound = one_attention_layer(task, seq_len)
    asked, other, first = n_words - 1, 0, seq_len - 1 - 2 * bound.places
    seen = set()
    for content in product(range(n_words - 1), repeat=bound.places):
        answers = []
        for place in range(bound.places):
            row = [other] * seq_len
            row[first + 1 : seq_len - 1 : 2] = content
            row[first + 2 * place], row[-1] = asked, asked
            tokens, scored = task.targets(torch.tensor(row))
            assert scored[-1]
            answers.append(int(tokens[-1]))
        assert tuple(answers) == content
        seen.add(content)
    assert len(seen) == bound.letters**bound.places
    assert 2 ** (bound.bits - 1) < len(seen) <= 2**bound.bits or len(seen) == 1


def test_where_it_bites():
    bound = one_attention_layer(AssociativeRecall(), 100)
    assert bound.bits == 243
    assert attention_holds(n_heads=1, d_head=4, number_bits=32) < bound.bits
    assert attention_holds(n_heads=1, d_head=8, number_bits=32) >= bound.bits
    long = one_attention_layer(AssociativeRecall(n_words=32_000), 131_072)
    assert attention_holds(n_heads=32, d_head=128, number_bits=16) < long.bits
    assert f"{bound.bits}" in bound.statement


def test_published_bounds_speak_beyond_any_input():
    assert composition_length_bits(n_layers=1, n_heads=1, d_head=2, number_bits=1) == 16
    assert composition_length_bits(n_layers=1, n_heads=4, d_head=64, number_bits=16) == 192
    assert composition_length_bits(n_layers=2, n_heads=4, d_head=64, number_bits=16) == 3_072
    assert hybrid_length_bits(hops=1, n_heads=1, d_head=2, number_bits=1) == 64
    assert hybrid_length_bits(hops=2, n_heads=4, d_head=64, number_bits=16) == 12_288
    assert hybrid_length_bits(hops=2, n_heads=1, d_head=2, number_bits=1) == 1_024


def test_refused():
    with pytest.raises(ValueError, match="two words"):
        one_attention_layer(AssociativeRecall(n_words=1), 10)
    with pytest.raises(ValueError, match="seq_len"):
        one_attention_layer(AssociativeRecall(), 0)
    with pytest.raises(ValueError, match="n_layers"):
        composition_length_bits(n_layers=0, n_heads=1, d_head=2, number_bits=1)
    with pytest.raises(ValueError, match="hops"):
        hybrid_length_bits(hops=0, n_heads=1, d_head=2, number_bits=1)
    with pytest.raises(ValueError, match="d_head"):
        hybrid_length_bits(hops=1, n_heads=1, d_head=0, number_bits=1)
