"""Lower bounds that can be computed, checked and attacked: docs/theory.md in code."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.theory.average import (
        accuracy_ceiling,
        accuracy_floor,
        best_accuracy,
        bits_proved,
        ceiling_curve,
        scored_positions,
    )
    from plait.theory.bound import Bound, PrintedTheorem
    from plait.theory.certificate import sealed
    from plait.theory.checker import Game, Verdict, check, check_file, open_game
    from plait.theory.hybrid import FrontierPoint, breakpoints, frontier, frontier_states, has_frontier
    from plait.theory.reach import attention_reach
    from plait.theory.recurrent import printed_state_bits, ssm_state_bits
    from plait.theory.repaired import Retrieval, all_right_states, counting_states, fano_bits, fano_bits_ceil
    from plait.theory.search import find_reach, find_state_bits
    from plait.theory.states import state_count
    from plait.theory.table import BoundRow, bounds_table

__all__ = [
    "Bound",
    "BoundRow",
    "FrontierPoint",
    "Game",
    "PrintedTheorem",
    "Retrieval",
    "Verdict",
    "accuracy_ceiling",
    "accuracy_floor",
    "all_right_states",
    "attention_reach",
    "best_accuracy",
    "bits_proved",
    "bounds_table",
    "breakpoints",
    "ceiling_curve",
    "check",
    "check_file",
    "counting_states",
    "fano_bits",
    "fano_bits_ceil",
    "find_reach",
    "find_state_bits",
    "frontier",
    "frontier_states",
    "has_frontier",
    "open_game",
    "printed_state_bits",
    "scored_positions",
    "sealed",
    "ssm_state_bits",
    "state_count",
]

__getattr__ = on_first_use(__name__)
