"""A compiler for hybrids: a program of named signals, its meaning, and the weights that compute it."""

from plait.compiler.files import load, load_plan
from plait.compiler.notes import Note, notes
from plait.compiler.plan import ProgramPlan
from plait.compiler.plan_choice import plan_program
from plait.compiler.program import Program, words
from plait.compiler.program_json import meaning_of, program_from_json, program_to_json

__all__ = [
    "Note",
    "Program",
    "ProgramPlan",
    "load",
    "load_plan",
    "meaning_of",
    "notes",
    "plan_program",
    "program_from_json",
    "program_to_json",
    "words",
]
