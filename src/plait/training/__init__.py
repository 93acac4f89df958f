"""Training: one run or thousands of members as one ensemble."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.training.run import Evaluation, Run, Train
from plait.training.start import Start

if TYPE_CHECKING:
    from plait.training.ensemble import Ensemble
    from plait.training.logs import log_to
    from plait.training.loop import train
    from plait.training.result import Member, Result
    from plait.training.watching import Display, Moment

__all__ = [
    "Display",
    "Ensemble",
    "Evaluation",
    "Member",
    "Moment",
    "Result",
    "Run",
    "Start",
    "Train",
    "log_to",
    "train",
]

__getattr__ = on_first_use(__name__)
