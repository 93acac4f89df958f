"""Shards: every member once, whole rectangles, the same cut whatever is stored."""

import itertools

import pytest
from fake_training import small_experiment
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.experiments import member_id, plan_shards
from plait.experiments.shards import cell_key
from plait.paper import CATALOGUE

RUNS = small_experiment(seeds=range(5), lrs=(1e-3, 3e-3, 1e-2)).expand()


@settings(max_examples=40, deadline=None)
@given(max_members=st.integers(1, 40))
def test_every_member_is_in_one_shard_of_one_cell(max_members):
    shards = plan_shards(RUNS, max_members=max_members)
    assert sorted(m for shard in shards for m in shard.members) == sorted(map(member_id, RUNS))
    for shard in shards:
        assert 1 <= len(shard.runs) <= max_members
        assert len({cell_key(run) for run in shard.runs}) == 1
        pairs = [(run.train.lr, run.train.seed) for run in shard.runs]
        assert pairs == list(itertools.product(shard.lrs, shard.seeds))


def test_shards_of_a_cell_are_of_about_equal_size():
    assert [len(shard.runs) for shard in plan_shards(RUNS[:15], max_members=12)] == [6, 9]
    assert [len(shard.runs) for shard in plan_shards(RUNS[:15], max_members=15)] == [15]


@settings(max_examples=40, deadline=None)
@given(stored=st.sets(st.sampled_from([member_id(run) for run in RUNS[:15]])))
def test_what_is_missing_is_cut_into_rectangles(stored):
    (shard,) = plan_shards(RUNS[:15], max_members=32)
    parts = shard.without(stored)
    assert sorted(m for part in parts for m in part.members) == sorted(set(shard.members) - stored)
    for part in parts:
        pairs = [(run.train.lr, run.train.seed) for run in part.runs]
        assert pairs == list(itertools.product(part.lrs, part.seeds))


def test_an_untouched_shard_keeps_its_name():
    (shard,) = plan_shards(RUNS[:15])
    assert shard.without(frozenset()) == (shard,)
    assert shard.without(frozenset())[0].id == shard.id


def test_shards_of_different_lengths_of_training_are_apart():
    longer = small_experiment(steps=13).expand()
    assert {s.id for s in plan_shards(RUNS)}.isdisjoint(s.id for s in plan_shards(longer))


def test_shards_of_the_whole_catalogue_are_distinct():
    for experiment in CATALOGUE.values():
        shards = plan_shards(experiment.expand())
        assert len({shard.id for shard in shards}) == len(shards)


def test_a_shard_without_members_is_refused():
    with pytest.raises(ValueError, match="a shard needs at least one member, got max_members=0"):
        plan_shards(RUNS, max_members=0)
