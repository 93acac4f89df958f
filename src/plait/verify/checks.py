"""What is checked, and what the model is held to."""

from dataclasses import dataclass

from plait.checks import check_integer

MOST_INPUTS = 10**9
"""Inputs of a domain that are all read, at most, unless asked for more."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Which inputs to read; several kinds may be asked for at once.

    Attributes:
        seq_len: tokens of an input.
        exhaustive: every input of this length.
        samples: scored tokens to draw from the task's own distribution, at least; 0 for none.
        adversarial: inputs made to break the model (see `plait.verify.adversarial`).
        seed: of the samples, and of what the adversarial inputs leave open.
        most_inputs: a larger domain is refused.

    Raises:
        ValueError: nothing to check, a length below 1, or a negative number.
    """

    seq_len: int
    exhaustive: bool = False
    samples: int = 0
    adversarial: bool = False
    seed: int = 0
    most_inputs: int = MOST_INPUTS

    def __post_init__(self) -> None:
        check_integer("seq_len", self.seq_len, least=1, most=2**31 - 1)
        check_integer("samples", self.samples, least=0)
        check_integer("seed", self.seed, least=0, most=2**63 - 1)
        check_integer("most_inputs", self.most_inputs, least=1)
        if not (self.exhaustive or self.samples or self.adversarial):
            raise ValueError("nothing to check: exhaustive, samples or adversarial is needed")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What is proved of the model, to be printed beside what is seen.

    Attributes:
        window: targets further back than this window holds are not claimed, and counted apart; None claims all.
        logit_gap: the least lead of a target's logit (nats).
        attention: the least lead of the score at a target's place in the last attention layer (nats).
    """

    window: int | None = None
    logit_gap: float | None = None
    attention: float | None = None
