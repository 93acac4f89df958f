"""The certificate checker: stands alone, and shares no code with what makes certificates."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.theory.checker.verify import Game, Verdict, check, check_file, open_game

__all__ = ["Game", "Verdict", "check", "check_file", "open_game"]

__getattr__ = on_first_use(__name__)
