"""How right a state of so many bits can be on average, over the samplers' own distributions."""

from plait.theory.average.ceiling import accuracy_ceiling, bits_proved, ceiling_curve, scored_positions

__all__ = ["accuracy_ceiling", "bits_proved", "ceiling_curve", "scored_positions"]
