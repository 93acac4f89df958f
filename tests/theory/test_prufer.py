"""Numbers for trees and forests: bijections, by exhaustion at small sizes."""

import random

import pytest

from plait.theory.checker.codecs.forests import (
    forest_at,
    forest_count,
    forest_index,
    tree_at,
    tree_count,
    tree_index,
)
from plait.theory.families.trees import forest_count as count_of_the_maker
from plait.theory.families.trees import share_with_few_leaves


@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 1), (3, 1), (4, 1), (5, 1), (2, 2), (3, 2), (2, 3)])
def test_every_in_tree_of_the_de_bruijn_graph_has_one_number(n, k):
    for root in range(n**k):
        numbers = range(tree_count(n, k)) if tree_count(n, k) <= 800 else range(0, tree_count(n, k), 7)
        seen = set()
        for index in numbers:
            followers = tree_at(index, n, k, root)
            for key in range(n**k):
                steps, at = 0, key
                while at != root:
                    at, steps = (at * n + followers[at]) % n**k, steps + 1
                    assert steps < n**k
            followers[root] = 0
            seen.add(tuple(followers))
            assert tree_index(followers, n, k, root) == index
        assert len(seen) == len(numbers)


def test_every_in_tree_is_counted():
    """Of all follower tables of (2, 3), those that are in-trees: as many as the BEST theorem says."""
    n, k, root = 2, 3, 5
    found = 0
    for table in range(n ** (n**k)):
        followers = [table >> key & 1 for key in range(n**k)]
        if not followers[root]:
            found += tree_index(followers, n, k, root) is not None
    assert found == tree_count(n, k) == 2 ** (8 - 3 - 1)


@pytest.mark.parametrize("n_nodes", range(1, 6))
def test_every_forest_has_one_number(n_nodes):
    rng = random.Random(n_nodes)
    for n_roots in range(1, n_nodes + 1):
        roots = rng.sample(range(n_nodes), n_roots)
        count = forest_count(n_nodes, n_roots)
        assert count == count_of_the_maker(n_nodes - n_roots, n_roots)
        seen = set()
        for index in range(count):
            parents = forest_at(index, n_nodes, roots)
            seen.add(tuple(sorted(parents.items())))
            assert forest_index(parents, n_nodes, roots) == index
        assert len(seen) == count


@pytest.mark.parametrize(("n_inner", "n_roots"), [(1, 1), (3, 1), (4, 2), (4, 3), (5, 1)])
def test_share_with_few_leaves(n_inner, n_roots):
    n_nodes = n_inner + n_roots
    count = forest_count(n_nodes, n_roots)
    leaves = []
    for index in range(count):
        parents = forest_at(index, n_nodes, range(n_inner, n_nodes))
        leaves.append(n_inner - len(set(parents.values()) & set(range(n_inner))))
    for most in range(n_inner + 1):
        share = share_with_few_leaves(n_inner, n_roots, most=most)
        assert share * count == sum(number <= most for number in leaves)


def test_cycles_and_wrong_roots_have_no_number():
    assert forest_index({0: 1, 1: 0}, 3, [2]) is None
    assert forest_index({0: 2}, 3, [2]) is None
    assert tree_index([1, 0, 0], 3, 1, 2) is None
