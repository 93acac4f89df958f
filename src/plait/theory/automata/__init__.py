"""Finite-state machines: stacks of them, and the least one for a task."""

from plait.theory.automata.least import Minimal, minimise
from plait.theory.automata.machine import Machine, compose, reachable
from plait.theory.automata.tasks import task_machine
from plait.theory.automata.windows import WindowAutomaton, window_automaton, window_states

__all__ = [
    "Machine",
    "Minimal",
    "WindowAutomaton",
    "compose",
    "minimise",
    "reachable",
    "task_machine",
    "window_automaton",
    "window_states",
]
