"""The certificate checker: stands alone, and shares no code with what makes certificates."""

from plait.theory.check.checker import check, check_file
from plait.theory.check.opened import Game, open_game
from plait.theory.check.verdict import Verdict

__all__ = ["Game", "Verdict", "check", "check_file", "open_game"]
