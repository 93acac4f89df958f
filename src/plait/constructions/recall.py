"""Decoding recall: the construction of a task, a length, a success rate and a type.

How far it has to look has closed forms (docs/theory-constructions.md, Theorem 7.9). Registers of two numbers are
found by a search over decays and maps; the proofs use nothing but their leads. Two numbers keep levels apart that one
number brings together: at five bits the least lead, over the squared radius of the levels, is 1.4 * 10^-2 against
2.0 * 10^-4 (section 7.4).
"""

import math

import torch

from plait.checks import check_integer
from plait.constructions.codes import least_base
from plait.constructions.plan import Plan
from plait.constructions.recall_long import LongRecallPlan
from plait.constructions.recall_long_stream import CODE_RESERVE, LOUD_REGISTER
from plait.constructions.recall_short import ShortRecallPlan
from plait.constructions.register import (
    Register,
    largest_gap,
    largest_lead,
    scaled,
    single_decay,
    widest_gap_decay,
)
from plait.constructions.rounding import check_dtype, type_name
from plait.model import HybridLM
from plait.tasks import DecodingRecall


def match_rate(task: DecodingRecall) -> float:
    """The probability that one earlier token is the word in the register: (1 - p) / W."""
    p_bit = task.p_bit if task.variant == "interleaved" else 0.0
    return (1.0 - p_bit) / task.n_words


def success_rate(task: DecodingRecall, keys: int) -> float:
    """The probability that the word in the register is among the last `keys` tokens before a position that has as many.

    The register is independent of the words, which are uniform and independent; absent is a failure. A position with
    fewer tokens before it has the rate of those.
    """
    if task.variant == "last":
        keys = max(keys - task.n_bits, 0)
    return -math.expm1(keys * math.log1p(-match_rate(task))) if match_rate(task) < 1.0 else float(keys > 0)


def smallest_window(task: DecodingRecall, success: float) -> int:
    """The least window of the last attention layer whose success rate is at least `success`, from position `window` on.

    A window of K tokens holds the keys of K tokens before the position: every token's key is carried by its
    successor, and the window counts the position itself.

    Raises:
        ValueError: a success rate outside [0, 1), or one that no window reaches.
    """
    if not 0.0 <= success < 1.0:
        raise ValueError(f"success must be in [0, 1), got {success!r}")
    if match_rate(task) == 0.0:
        raise ValueError("no window succeeds where every token is a bit (p_bit = 1)")
    certain = match_rate(task) >= 1.0
    keys = 1 if certain else math.ceil(math.log1p(-success) / math.log1p(-match_rate(task)))
    keys = max(keys, 1) + (task.n_bits if task.variant == "last" else 0)
    while keys > 1 and success_rate(task, keys - 1) >= success:
        keys -= 1
    while success_rate(task, keys) < success:
        keys += 1
    return keys


_FOUND: dict[int, tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]] = {
    4: ((0.0823, 0.1671, 0.2508), ((-25.16, 49.82, -24.39), (-24.06, 49.12, -25.30))),
    5: ((0.0931, 0.1964, 0.2756), ((-21.19, 49.97, -28.84), (21.44, -47.76, 26.25))),
    6: ((0.0244, 0.1043, 0.2435, 0.3453), ((-42.82, 79.86, -57.13, 20.20), (29.55, -69.53, 70.42, -30.50))),
    7: ((0.0356, 0.1298, 0.2670, 0.3619), ((-28.2, 68.2, -71.8, 31.8), (28.7, -70.8, 71.2, -29.2))),
}
"""Bits -> decays and maps of two numbers with a large lead, found by a search.

The proof (Lemma 7.4) computes the lead of what is written here, and relies on nothing else.
"""


def two_numbers(n_bits: int) -> Register | None:
    """The register found for this many bits, if any."""
    if n_bits not in _FOUND:
        return None
    decays, maps = _FOUND[n_bits]
    return scaled(Register(n_bits=n_bits, decays=decays, maps=maps))


RECALL_PATTERNS = ("SSM-TF-TF", "SSM-TF")

_MOST_BITS = 18
"""Registers of more bits are carried in no type (Lemma 7.4): they are refused before 2^bits levels are made."""


SUCCESS = 0.99
"""Least probability that a key lies in the window, where nobody asks for another."""


def recall_window(task: DecodingRecall, seq_len: int, success: float) -> int:
    """The last window: as long as the success rate needs, and no longer than the sequence has keys.

    Raises:
        ValueError: a length below 1, or what `smallest_window` refuses.
    """
    check_integer("seq_len", seq_len, least=1)
    whole = max(seq_len - 1, 1)
    return whole if success == 1.0 else min(whole, smallest_window(task, success))


def recall_plans(
    task: DecodingRecall, seq_len: int, *, success: float, pattern: str, dtype: torch.dtype
) -> list[Plan]:
    """All layouts of a pattern, the narrowest first.

    All are in a quiet stream: at amplitude 1 what the register shows moves the factor of the last norm before the last
    attention, which two equal keys must have alike (7.6).

    Raises:
        ValueError: an unknown pattern, a register beyond every type, or what `recall_window` refuses.
    """
    if task.n_bits > _MOST_BITS:
        raise ValueError(
            f"decoding recall of {task.n_bits} bits: {type_name(dtype)} cannot carry it: the lead of a register's "
            f"word falls as 4^-bits, and float64 has room for {_MOST_BITS}; no type up to float64 would do"
        )
    window = recall_window(task, seq_len, success)
    if pattern == "SSM-TF":
        registers = [single_decay(task.n_bits), largest_lead(task.n_bits), two_numbers(task.n_bits)]
        return [
            ShortRecallPlan(task=task, seq_len=seq_len, dtype=dtype, window=window, register=register)
            for register in registers
            if register is not None
        ]
    if pattern != "SSM-TF-TF":
        raise ValueError(f"pattern must be one of {', '.join(RECALL_PATTERNS)}, got {pattern!r}")
    bases = dict.fromkeys(least_base(task.n_words, digits) for digits in range(1, task.n_bits + 1))
    gaps = [widest_gap_decay(task.n_bits), largest_gap(task.n_bits)]
    return [
        LongRecallPlan(
            task=task,
            seq_len=seq_len,
            dtype=dtype,
            window=window,
            register=register,
            base=base,
            reserve=0.5 if dtype == torch.bfloat16 else CODE_RESERVE,  # coarse scores need more room (7.8)
        )
        for base in bases
        for register in gaps
        if register is not None
    ]


def recall_plan(
    task: DecodingRecall,
    seq_len: int,
    *,
    success: float = SUCCESS,
    pattern: str = "SSM-TF-TF",
    dtype: torch.dtype = torch.float32,
    base: int | None = None,
    register: Register | None = None,
) -> Plan:
    """The plan of `decoding_recall`: the narrowest layout that is proved, or else carried, in this type."""
    check_dtype(dtype)
    window = recall_window(task, seq_len, success)
    plans = recall_plans(task, seq_len, success=success, pattern=pattern, dtype=dtype)
    if base is not None:
        chosen = register or widest_gap_decay(task.n_bits)
        return LongRecallPlan(
            task=task, seq_len=seq_len, dtype=dtype, window=window, register=chosen, base=base
        )
    if register is not None:
        return ShortRecallPlan(task=task, seq_len=seq_len, dtype=dtype, window=window, register=register)
    for good in (Plan.proved, Plan.carried):
        for plan in plans:
            if good(plan):
                return plan
    return min(plans, key=lambda plan: plan.tightest(usual=True).usual_use)


def loud_recall_plan(task: DecodingRecall, seq_len: int, *, success: float = SUCCESS) -> Plan:
    """Three layers in float64 at amplitude 1, each weight as the first version of plait set it.

    As a start for training: in a quiet stream an optimiser's first step is larger than every signal.
    """
    return LongRecallPlan(
        task=task,
        seq_len=seq_len,
        dtype=torch.float64,
        window=recall_window(task, seq_len, success),
        register=widest_gap_decay(task.n_bits),
        base=least_base(task.n_words, 1),
        amplitude=1.0,
        register_gain=LOUD_REGISTER,
        # 7.6: an eighth of the square of the chord, two thirds of recency for rounding, and keys at one gain for all
        # codes: looser than what later plans take, and kept since stored members began there.
        reserve=0.125,
        recency_reserve=3.0,
        previous_gain=64.0,
        steps_from=0,
    )


def decoding_recall(
    task: DecodingRecall,
    seq_len: int,
    *,
    success: float = SUCCESS,
    pattern: str = "SSM-TF-TF",
    dtype: torch.dtype = torch.float32,
) -> HybridLM:
    """A model that is right at every position whose key lies in the window of its last attention.

    Args:
        task: its number of bits, and the probability of a bit, from which the window follows.
        seq_len: tokens of a sequence; the window never needs more than the keys before its last position.
        success: the least probability that the key lies in the window, at positions with a whole window before them
            (absent words are failures); 1 for a window over the whole sequence, which is right at every scored position
            of every input.
        pattern: "SSM-TF-TF", or "SSM-TF" with one layer fewer and a register known more precisely.
        dtype: of the weights.

    Raises:
        ValueError: a task with a register that the type cannot carry (says which type would do), a success
            rate outside (0, 1], a length below 1, or an unknown pattern.
    """
    return recall_plan(task, seq_len, success=success, pattern=pattern, dtype=dtype).build()
