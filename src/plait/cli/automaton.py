"""The lines of `plait bounds` about the automaton of a task."""

from typing import TYPE_CHECKING

from plait.cli.output import print_line

if TYPE_CHECKING:
    from plait.advisor.automaton import AutomatonFacts
    from plait.tasks import Task
    from plait.theory.counting import Counting

MOST_TOKENS = 12
"""Tokens of a word that a line shows."""


def print_automaton(task: "Task", facts: "AutomatonFacts") -> None:
    """What it is, what it counts, and what that means for each kind of recurrence."""
    if facts.counting is None:
        print_line(f"automaton: none was found, so the task may not be finite-state: {facts.missing}")
        return
    print_line(f"automaton: {_sized(facts.counting)}")
    for line in _counted(task, facts.counting):
        print_line(f"automaton: {line}")
    for said in facts.means:
        print_line(f"{said.text} ({said.source})")


def _sized(counting: "Counting") -> str:
    kind = "aperiodic, it counts nothing modulo anything" if counting.aperiodic else "not aperiodic"
    if counting.states is None:
        return f"{kind} (docs/theory.md, Theorem 14.3)"
    return (
        f"{counting.states:,} states, {counting.elements:,} elements in its transition monoid, {kind}; "
        f"found by asking: {counting.tried}"
    )


def _counted(task: "Task", counting: "Counting") -> list[str]:
    lines = []
    longest = max(counting.counted, key=lambda one: one.length, default=None)
    for one in dict.fromkeys((*counting.counted[:1], *([longest] if longest else ()))):
        behind = f" behind {_named(task, one.behind)}" if one.behind else ""
        lines.append(f"the word {_named(task, one.word)}{behind} is counted modulo {one.length}")
    return lines


def _named(task: "Task", word: tuple[int, ...]) -> str:
    names = [str(task.token_names[token]) for token in word[:MOST_TOKENS]]
    return " ".join(names) + (f" .. ({len(word)} tokens)" if len(word) > MOST_TOKENS else "")
