"""The automaton of a task, what it counts, which layers can be it, and what a single one of attention must carry."""

from dataclasses import dataclass

from plait.tasks import AssociativeRecall, KHopInduction
from plait.theory.counting import Counting, Said, known_counting, what_it_means
from plait.theory.depth import OneLayer, hops_statement, one_attention_layer


@dataclass(frozen=True, kw_only=True)
class AutomatonFacts:
    """Of one task.

    Args:
        counting: None where none was found.
        means: for each kind of recurrence.
        missing: why there is none: what was tried.
    """

    counting: Counting | None
    means: tuple[Said, ...] = ()
    missing: str | None = None


def automaton_of(task: object, *, seq_len: int, seconds: float = 20) -> AutomatonFacts:
    """By the definition of a task of plait; by asking the targets of a user's own.

    Raises:
        ValueError: no budget, or targets that cannot be asked.
    """
    counting = known_counting(task)
    if counting is None:
        from plait.theory.search import NotFiniteStateError, find_counting

        try:
            counting = find_counting(task, seq_len=seq_len, seconds=seconds)
        except NotFiniteStateError as error:
            return AutomatonFacts(counting=None, missing=str(error))
    return AutomatonFacts(counting=counting, means=what_it_means(counting))


def one_layer_of(task: object, seq_len: int) -> OneLayer | None:
    """What a single layer of attention carries at least; None where no bound is known; one hop is recall."""
    if type(task) is KHopInduction and task.hops == 1:
        task = AssociativeRecall(n_words=task.n_words)
    if type(task) is not AssociativeRecall or task.n_words < 2:
        return None
    return one_attention_layer(task, seq_len)


def depth_of(task: object) -> str | None:
    """What is known of the layers that a composition needs, where the task is one."""
    return hops_statement(task.hops) if type(task) is KHopInduction else None
