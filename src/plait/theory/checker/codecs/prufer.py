"""Numbers for trees: Prufer's code for forests, and its extension to the de Bruijn graph.

In the de Bruijn graph B(n, k) a node is a key of k letters, and key (e1 .. ek) may be followed by any letter y, which
leads to (e2 .. ek y). A spanning in-tree gives each key but the root its follower, all paths ending at the root.
B(n, k) is the line graph of B(n, k - 1), so Prufer's idea works level by level: take away the least leaf again and
again and note its follower in the list of its last k - 1 letters; the last entries of the lists form a tree one level
down.
Source: docs/theory.md, Theorem 4.4 (counting: van Aardenne-Ehrenfest and de Bruijn; the code: Prufer 1918, and
H. Bidkhori, S. Kishore, "A bijective proof of a theorem of Knuth", 2011).
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush


def forest_count(n_nodes: int, n_roots: int) -> int:
    """Forests on `n_nodes` labelled nodes whose trees have the given `n_roots` nodes as roots."""
    inner = n_nodes - n_roots
    return n_roots * n_nodes ** (inner - 1) if inner else 1


def forest_at(index: int, n_nodes: int, roots: Sequence[int]) -> dict[int, int]:
    """Forest number `index`: the parent of each node that is no root."""
    inner = n_nodes - len(roots)
    if inner == 0:
        return {}
    index, last = divmod(index, len(roots))
    code = []
    for _ in range(inner - 1):
        index, digit = divmod(index, n_nodes)
        code.append(digit)
    code.append(roots[last])
    waiting = [0] * n_nodes
    for node in code:
        waiting[node] += 1
    is_root = set(roots)
    leaves = [node for node in range(n_nodes) if not waiting[node] and node not in is_root]
    heapify(leaves)
    parents = {}
    for parent in code:
        parents[heappop(leaves)] = parent
        waiting[parent] -= 1
        if not waiting[parent] and parent not in is_root:
            heappush(leaves, parent)
    return parents


def forest_index(parents: dict[int, int], n_nodes: int, roots: Sequence[int]) -> int | None:
    """The number of a forest; None if `parents` is none with these roots."""
    is_root = set(roots)
    if set(parents) != set(range(n_nodes)) - is_root:
        return None
    if not parents:
        return 0
    waiting = [0] * n_nodes
    for parent in parents.values():
        waiting[parent] += 1
    leaves = [node for node in parents if not waiting[node]]
    heapify(leaves)
    code = []
    while leaves:
        parent = parents[heappop(leaves)]
        code.append(parent)
        waiting[parent] -= 1
        if not waiting[parent] and parent not in is_root:
            heappush(leaves, parent)
    if len(code) < len(parents):
        return None  # a cycle was left
    index = 0
    for digit in reversed(code[:-1]):
        index = index * n_nodes + digit
    return index * len(roots) + roots.index(code[-1])


def tree_count(n: int, k: int) -> int:
    """Spanning in-trees of B(n, k) with one given root."""
    return n ** (n**k - k - 1) if n > 1 else 1


def tree_at(index: int, n: int, k: int, root: int) -> list[int]:
    """In-tree number `index` of B(n, k) with that root: the follower of each key (the root's entry has no meaning).

    Keys are numbers in base n, first letter highest.
    """
    n_keys = n**k
    if k == 0 or n == 1:
        return [0] * n_keys
    below = n_keys // n
    root_from, root_to = root // n, root % below
    lists: list[list[int]] = []
    for vertex in range(below):
        letters = []
        for _ in range(n - 1 - (vertex == root_to)):
            index, letter = divmod(index, n)
            letters.append(letter)
        lists.append(letters)
    ends = tree_at(index, n, k - 1, root_from)
    ends[root_from] = root % n
    waiting = [0] * n_keys
    for vertex, letters in enumerate(lists):
        letters.append(ends[vertex])
        for letter in letters:
            waiting[vertex * n + letter] += 1
    leaves = [key for key in range(n_keys) if not waiting[key] and key != root]
    heapify(leaves)
    followers, taken = [0] * n_keys, [0] * below
    for _ in range(n_keys - 1):
        key = heappop(leaves)
        vertex = key % below
        followers[key] = letter = lists[vertex][taken[vertex]]
        taken[vertex] += 1
        parent = vertex * n + letter
        waiting[parent] -= 1
        if not waiting[parent] and parent != root:
            heappush(leaves, parent)
    return followers


def tree_index(followers: Sequence[int], n: int, k: int, root: int) -> int | None:
    """The number of an in-tree; None if the followers are none with this root."""
    if k == 0 or n == 1:
        return 0
    n_keys = n**k
    below = n_keys // n
    root_from, root_to = root // n, root % below
    waiting = [0] * n_keys
    for key in range(n_keys):
        if key != root:
            waiting[key % below * n + followers[key]] += 1
    leaves = [key for key in range(n_keys) if not waiting[key] and key != root]
    heapify(leaves)
    lists: list[list[int]] = [[] for _ in range(below)]
    seen = 0
    while leaves:
        key = heappop(leaves)
        vertex, seen = key % below, seen + 1
        lists[vertex].append(followers[key])
        parent = vertex * n + followers[key]
        waiting[parent] -= 1
        if not waiting[parent] and parent != root:
            heappush(leaves, parent)
    if seen < n_keys - 1:
        return None  # a cycle was left
    ends = [letters.pop() if letters else 0 for letters in lists]
    index = tree_index(ends, n, k - 1, root_from)
    if index is None:
        return None
    for vertex in reversed(range(below)):
        if len(lists[vertex]) != n - 1 - (vertex == root_to):
            return None
        for letter in reversed(lists[vertex]):
            index = index * n + letter
    return index
