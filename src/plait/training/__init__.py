"""Training: one run or thousands of members as one ensemble."""

from plait.training.ensemble import Ensemble
from plait.training.evaluation import Evaluation
from plait.training.loop import train
from plait.training.result import Member, Result
from plait.training.run import Run, Train
from plait.training.start import Start

__all__ = ["Ensemble", "Evaluation", "Member", "Result", "Run", "Start", "Train", "train"]
