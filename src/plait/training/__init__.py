"""Training: one run or thousands of members as one ensemble."""

from plait.training.ensemble import Ensemble
from plait.training.loop import train
from plait.training.result import Member, Result
from plait.training.run import Run, Train

__all__ = ["Ensemble", "Member", "Result", "Run", "Train", "train"]
