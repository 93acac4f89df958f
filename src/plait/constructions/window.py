"""How far decoding recall has to look: closed forms for a success rate (docs/theory-constructions.md, Theorem 7.9)."""

import math

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
