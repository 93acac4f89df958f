"""What a built model costs, as numbers alone: what needs no torch reads them from a file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Scalars of one model, and of its working memory for one sequence of `seq_len` tokens.

    Args:
        width: channels of the residual stream.
        states_in_use: recurrent states that are ever written.
        mlp_units: hidden units of all MLPs.
        parameters: weights, the tied embedding once.
        ssm_state: recurrent states held.
        conv_tail: inputs that convolutions hold.
        kv_cache: keys and values that attention holds.
        state_bits: all of these in bits: recurrent states in float32 at least, the rest in the model's type.
    """

    width: int
    states_in_use: int
    mlp_units: int
    parameters: int
    ssm_state: int
    conv_tail: int
    kv_cache: int
    state_bits: int

    def to_json(self) -> Mapping[str, Any]:
        return asdict(self)
