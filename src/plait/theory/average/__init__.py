"""How right a state of so many bits can be on average, over the samplers' own distributions."""

from plait.theory.average.accuracy import (
    accuracy_ceiling,
    accuracy_floor,
    bits_proved,
    ceiling_curve,
    scored_positions,
)
from plait.theory.average.optimum import best_accuracy

__all__ = [
    "accuracy_ceiling",
    "accuracy_floor",
    "best_accuracy",
    "bits_proved",
    "ceiling_curve",
    "scored_positions",
]
