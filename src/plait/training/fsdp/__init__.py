"""One wide model over several processes, each with a part of its weights and of every step's rows."""

from plait.training.fsdp.loop import train_over_processes
from plait.training.fsdp.processes import Processes, processes

__all__ = ["Processes", "processes", "train_over_processes"]
