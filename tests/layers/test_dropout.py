"""Dropout by streams: the stated rate, reproducible, each member on its own."""

from dataclasses import replace

import layer_cases
import pytest
import torch

from plait.layers.dropout import dropout
from plait.random import DROPOUT, Stream


def test_the_rate_and_the_scale():
    hidden = torch.ones(200, 500)
    dropped = dropout(hidden, rate=0.1, stream=Stream(0, 0, DROPOUT), draw=0)
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.9)]
    share = (dropped == 0).float().mean().item()
    assert abs(share - 0.1) < 5 * (0.09 / hidden.numel()) ** 0.5


def test_no_stream_or_no_rate_changes_nothing():
    hidden = layer_cases.inputs(3, 4)
    assert dropout(hidden, rate=0.5, stream=None, draw=0) is hidden
    assert dropout(hidden, rate=0.0, stream=Stream(0), draw=0) is hidden


def test_a_member_has_the_mask_that_it_has_alone():
    hidden = torch.ones(3, 4, 50)
    together = dropout(hidden, rate=0.5, stream=Stream(torch.tensor([7, 8, 9]), 5, DROPOUT), draw=2)
    for member, seed in enumerate((7, 8, 9)):
        alone = dropout(hidden[member], rate=0.5, stream=Stream(seed, 5, DROPOUT), draw=2)
        assert torch.equal(together[member], alone)
    assert not torch.equal(together[0], together[1])


def test_a_stream_of_another_number_of_members_is_refused():
    with pytest.raises(ValueError, match="2 members"):
        dropout(torch.ones(3, 4, 5), rate=0.5, stream=Stream(torch.tensor([1, 2])), draw=0)


def test_a_zero_is_a_zero_even_where_the_input_is_not_finite():
    dropped = dropout(torch.full((1000,), float("inf")), rate=0.5, stream=Stream(0), draw=0)
    assert not dropped.isnan().any()


def test_in_a_layer_it_acts_on_weights_attention_and_mlp():
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    hidden = layer_cases.inputs(2, 9, 8)
    calm = layer(hidden)
    first = layer(hidden, Stream(0, 1, DROPOUT))
    assert torch.equal(first, layer(hidden, Stream(0, 1, DROPOUT)))
    assert not torch.equal(first, layer(hidden, Stream(0, 2, DROPOUT)))
    assert not torch.equal(first, calm)
    mean = torch.stack([layer(hidden, Stream(seed, 0, DROPOUT)) for seed in range(500)]).mean(0)
    assert (mean - calm).abs().max() < 0.3 * (first - calm).abs().max()


def test_each_layer_of_a_model_draws_its_own_masks():
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    hidden = layer_cases.inputs(2, 9, 8)
    twin = type(layer)(replace(layer.spec, index=1)).double()
    twin.load_state_dict(layer.state_dict())
    stream = Stream(0, 1, DROPOUT)
    assert not torch.equal(layer(hidden, stream), twin(hidden, stream))
