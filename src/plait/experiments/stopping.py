"""What a stopped experiment leaves: what is stored, and whether the same command goes on or begins anew."""

from collections.abc import Sequence

from plait.experiments.shards import Shard
from plait.experiments.store import Store

GOES_ON, BEGINS_ANEW = "the same command goes on", "the same command begins anew"


Kept = tuple[Store, Sequence[Shard]]
"""Shards, and the store that takes them."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or time that is up; the message is one line that says what is stored."""


def stopped(*kept: Kept, resumes: bool = True) -> Stopped:
    """The line that says what is stored.

    Args:
        resumes: as of `saved`.
    """
    folders = ", ".join(dict.fromkeys(repr(str(store.folder)) for store, _ in kept))
    if not saved(*kept, resumes=resumes):
        return Stopped(f"stopped: nothing was saved yet in {folders}; {BEGINS_ANEW}")
    n_shards = sum(len(shards) for _, shards in kept)
    n_stored = 0
    for store, shards in kept:
        held = store.stored()
        n_stored += sum(held.issuperset(shard.members) for shard in shards)
    are = "is" if 1 in (n_stored, n_shards) else "are"
    return Stopped(f"stopped: {n_stored} of {shards_said(n_shards)} {are} stored in {folders}; {GOES_ON}")


def saved(*kept: Kept, resumes: bool = True) -> bool:
    """Whether a member is stored, or has a checkpoint.

    Args:
        resumes: whether training goes on from a checkpoint; the workers of a cluster keep none.
    """
    for store, shards in kept:
        held = store.stored()
        if any(member in held for shard in shards for member in shard.members):
            return True
        if resumes and any(store.checkpoint(shard).exists() for shard in shards):
            return True
    return False


def shards_said(n: int) -> str:
    return f"{n} shard{'' if n == 1 else 's'}"
