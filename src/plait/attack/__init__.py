"""What a given model cannot tell apart, and what its state provably carries."""

from plait.attack.attack import Attack, attack
from plait.attack.certified import CertifiedBits, certified_bits
from plait.attack.play import Played, Streaming, play
from plait.attack.state import (
    Contents,
    StateAttack,
    attack_state,
    certified_contents,
    choose_family,
    found_contents,
    known_contents,
)
from plait.attack.twins import Field, Twins, WindowAttack, attack_windows, first_confused, receptive_field

__all__ = [
    "Attack",
    "CertifiedBits",
    "Contents",
    "Field",
    "Played",
    "StateAttack",
    "Streaming",
    "Twins",
    "WindowAttack",
    "attack",
    "attack_state",
    "attack_windows",
    "certified_bits",
    "certified_contents",
    "choose_family",
    "first_confused",
    "found_contents",
    "known_contents",
    "play",
    "receptive_field",
]
