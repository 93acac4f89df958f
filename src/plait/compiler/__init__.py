"""A compiler for hybrids: a program of named signals, its meaning, and the weights that compute it."""

from plait.compiler.program import Program, words

__all__ = ["Program", "words"]
