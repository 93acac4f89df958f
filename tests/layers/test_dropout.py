"""Dropout by streams: the stated rate, reproducible, each member on its own."""

from dataclasses import replace

import layer_cases
import pytest
import torch

from plait.layers.parts import dropout
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


def test_in_a_layer_it_is_reproducible_and_right_on_average():
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    hidden = layer_cases.inputs(2, 9, 8)
    calm, first = layer(hidden), layer(hidden, Stream(0, 1, DROPOUT))
    assert torch.equal(first, layer(hidden, Stream(0, 1, DROPOUT)))
    assert not torch.equal(first, layer(hidden, Stream(0, 2, DROPOUT)))
    mean = torch.stack([layer(hidden, Stream(seed, 0, DROPOUT)) for seed in range(500)]).mean(0)
    assert (mean - calm).abs().max() < 0.3 * (first - calm).abs().max()


def test_in_a_layer_it_acts_apart_on_the_outputs_of_attention_and_mlp():
    """Outputs of 1 and of 4: what is added to the input is one of 0, 2, 8, 10, each in a quarter of the places."""
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    with torch.no_grad():
        for name, output in (("attention.dense", 1.0), ("mlp.dense_4h_to_h", 4.0)):
            layer.get_parameter(f"{name}.weight").fill_(0.0)
            layer.get_parameter(f"{name}.bias").fill_(output)
    hidden = layer_cases.inputs(4, 50, 8)
    added = layer(hidden, Stream(0, 1, DROPOUT)) - hidden
    values, counts = added.round(decimals=9).unique(return_counts=True)
    assert values.tolist() == [0.0, 2.0, 8.0, 10.0]
    assert ((counts / added.numel() - 0.25).abs() < 5 * (3 / 16 / added.numel()) ** 0.5).all()


def test_in_a_layer_it_acts_on_the_weights_of_attention():
    """Values that are all one, and no MLP: what is left of the weights comes out, doubled, and is dropped again."""
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    attention, down = layer.attention, layer.mlp.dense_4h_to_h
    assert attention.query_key_value.bias is not None
    with torch.no_grad():
        attention.query_key_value.weight[16:].fill_(0.0)
        attention.query_key_value.bias[16:].fill_(1.0)
        attention.dense.weight.copy_(torch.eye(8))
        for nothing in (attention.dense.bias, down.weight, down.bias):
            assert nothing is not None
            nothing.fill_(0.0)
    hidden = layer_cases.inputs(4, 9, 8)
    mixed = layer(hidden, Stream(0, 1, DROPOUT)) - hidden
    torch.testing.assert_close(layer(hidden) - hidden, torch.ones_like(mixed))
    # One weight: 0 or 2 is left of it; of that, in each feature, 0 or twice.
    first = mixed[:, 0].round(decimals=9)
    assert first.unique().tolist() == [0.0, 4.0]
    assert (first.sum(-1) == 0.0).any()
    assert not torch.equal(mixed[0], mixed[1])


def test_each_layer_of_a_model_draws_its_own_masks():
    layer = layer_cases.transformer(d_model=8, dropout=0.5)
    hidden = layer_cases.inputs(2, 9, 8)
    twin = type(layer)(replace(layer.spec, index=1)).double()
    twin.load_state_dict(layer.state_dict())
    stream = Stream(0, 1, DROPOUT)
    assert not torch.equal(layer(hidden, stream), twin(hidden, stream))
