"""What a stopped experiment leaves: what is stored, and whether the same command goes on or begins anew."""

from collections.abc import Sequence

from plait.experiments.shards import Shard
from plait.experiments.store import Store

GOES_ON, BEGINS_ANEW = "the same command goes on", "the same command begins anew"


class Stopped(KeyboardInterrupt):
    """Ctrl-C; the message is one line that says what is stored."""


def stopped(store: Store, shards: Sequence[Shard], *, resumes: bool = True) -> Stopped:
    """The line that says what is stored.

    Args:
        resumes: as of `saved`.
    """
    if not saved(store, shards, resumes=resumes):
        return Stopped(f"stopped: nothing was saved yet in {str(store.folder)!r}; {BEGINS_ANEW}")
    held = store.stored()
    n_stored = sum(held.issuperset(shard.members) for shard in shards)
    are = "is" if 1 in (n_stored, len(shards)) else "are"
    return Stopped(
        f"stopped: {n_stored} of {shards_said(len(shards))} {are} stored in {str(store.folder)!r}; {GOES_ON}"
    )


def saved(store: Store, shards: Sequence[Shard], *, resumes: bool = True) -> bool:
    """Whether a member is stored, or has a checkpoint.

    Args:
        resumes: whether training goes on from a checkpoint; the workers of a cluster keep none.
    """
    held = store.stored()
    if any(member in held for shard in shards for member in shard.members):
        return True
    return resumes and any(store.checkpoint(shard).exists() for shard in shards)


def shards_said(n: int) -> str:
    return f"{n} shard{'' if n == 1 else 's'}"
