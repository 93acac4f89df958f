"""Training: one run or thousands of members as one ensemble."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use
from plait.training.evaluation import Evaluation
from plait.training.run import Run, Train
from plait.training.start import Start

if TYPE_CHECKING:
    from plait.training.display import Display
    from plait.training.ensemble import Ensemble
    from plait.training.logs import log_to
    from plait.training.loop import train
    from plait.training.moment import Moment
    from plait.training.result import Member, Result

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
