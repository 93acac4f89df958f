"""Two inputs that a model cannot tell apart although their targets differ.

    tokens    5' a a a b a a a a       the output at the end depends on the last field tokens alone,
    tokens    6' a a a b a a a a       which are the same: so are the logits, and one answer at least is wrong

Source: docs/theory.md, Theorem 3.1 and table 3.2.

How many of the last tokens a model's output can depend on.

    window 3      .  .  .  x  x  y      window 2 above it      .  .  x  x  x  y       3 + 2 - 1 = 4 tokens

Source: docs/theory.md, Theorem 3.1.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from plait.checks import counted
from plait.layers import DrawnLayer, Layer, MambaLayer, TransformerLayer
from plait.layers.parallel import ParallelLayer
from plait.model import HybridLM
from plait.tasks.base import Task
from plait.tasks.rows import checked_targets
from plait.theory.reach import Pair, agreement, has_reach, reach_inputs

LOOKED = 10_000
"""Tokens beyond the field up to which lengths are looked at."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """Two inputs with one tail and different targets, and what the model makes of them.

    Attributes:
        inputs: their tokens.
        agree: last tokens that they share; at least the model's field.
        targets: of the last position.
        answers: the model's, there.
        difference: greatest between the logits of the last position; 0 is the same to the last bit.
    """

    inputs: tuple[tuple[int, ...], tuple[int, ...]]
    agree: int
    targets: tuple[int, int]
    answers: tuple[int, int]
    difference: float


@dataclass(frozen=True, kw_only=True)
class WindowAttack:
    """What windows hide from a model.

    Attributes:
        field: tokens that the output depends on; None where windows set no limit.
        why: where the field comes from.
        safe_up_to: no two inputs of up to this many tokens are confused; None if that holds of every length.
        proved: whether that is proved of the task, or only nothing was found.
        twins: inputs that are confused; None where there are none.
    """

    field: int | None
    why: str
    safe_up_to: int | None
    proved: bool
    twins: Twins | None


def attack_windows(
    model: HybridLM, task: Task, *, seq_len: int = 100, seed: int = 0, seconds: float = 20
) -> WindowAttack:
    """Inputs of `seq_len` tokens that the model's windows hide the difference of, or else of the first such length.

    Args:
        task: of the model's vocabulary; one of a user's own is searched, at `seq_len` only.
        seed: of that search.
        seconds: its budget.

    Raises:
        ValueError: a seq_len below 1, or a budget that is not positive.
    """
    field = receptive_field(model)
    if field.tokens is None:
        return WindowAttack(field=None, why=field.why, safe_up_to=None, proved=True, twins=None)
    if not has_reach(task):
        pair = _found_pair(task, field.tokens, seq_len=seq_len, seconds=seconds, seed=seed)
        safe, proved = (seq_len if pair is None else field.tokens), pair is not None
    else:
        first = first_confused(task, field.tokens)
        safe, proved = (field.tokens + LOOKED if first is None else first - 1), True
        pair = None if first is None else reach_inputs(task, max(first, seq_len))
    twins = None if pair is None else _shown(model, task, pair, field.tokens)
    return WindowAttack(field=field.tokens, why=field.why, safe_up_to=safe, proved=proved, twins=twins)


def first_confused(task: Task, field: int) -> int | None:
    """The least length of two inputs that agree on their last `field` tokens and have different targets there.

    None if there is none up to `field + LOOKED`. A longer input never needs less reach: what is put before two
    inputs can be the same.
    """
    low, high = field, field + LOOKED
    if _reach(task, high) < field:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _reach(task, middle) >= field:
            high = middle
        else:
            low = middle
    return high


def _reach(task: Task, seq_len: int) -> int:
    pair = reach_inputs(task, seq_len)
    return 0 if pair is None else agreement(*pair)


def _shown(model: HybridLM, task: Task, pair: Pair, field: int) -> Twins:
    agree = agreement(*pair)
    assert agree >= field
    targets, scored = checked_targets(task, torch.tensor(pair))
    assert bool(scored[:, -1].all())
    assert targets[0, -1] != targets[1, -1]
    logits = [_last_logits(model, row) for row in pair]
    first, second = pair
    return Twins(
        inputs=(tuple(first), tuple(second)),
        agree=agree,
        targets=(int(targets[0, -1]), int(targets[1, -1])),
        answers=(int(logits[0].argmax()), int(logits[1].argmax())),
        difference=float((logits[0] - logits[1]).abs().max()),
    )


@torch.no_grad()
def _last_logits(model: HybridLM, row: list[int]) -> Tensor:
    tokens = torch.tensor([row], device=model.embedding.weight.device)
    return model(tokens)[0, -1].double()


def _found_pair(task: Task, field: int, *, seq_len: int, seconds: float, seed: int) -> Pair | None:
    """Inputs that a search finds in a task given only by its targets."""
    if seq_len <= field:
        return None
    from plait.theory.search import find_reach

    bound = find_reach(task, seq_len, seconds=seconds, seed=seed)
    if bound.certificate is None or bound.value < field:
        return None
    first, second = cast(list[list[int]], bound.certificate["inputs"])
    return first, second


@dataclass(frozen=True, kw_only=True)
class Field:
    """Attributes:
    tokens: the output at a position depends on this many last tokens, its own included; None where no layer's
        window limits it.
    why: how it comes about, in words.
    """

    tokens: int | None
    why: str


def receptive_field(model: HybridLM) -> Field:
    """`1 + sum(window - 1)` over the attention layers; a recurrent layer, or an open window, voids it.

    Of layers side by side the widest window counts. A layer of a user's own counts as reading without limit, unless it
    carries nothing at all.
    """
    tokens = 1
    windows: list[str] = []
    for index, (name, layer) in enumerate(zip(model.config.layers, model.each_layer(), strict=True)):
        reach = _reach_of(cast(nn.Module, layer))
        if isinstance(reach, str):
            return Field(tokens=None, why=f"layer {index} ({name}) {reach}")
        tokens += reach or 0
        windows += [] if reach is None else [str(reach + 1)]
    why = f"windows of {', '.join(windows)} tokens" if windows else "no layer reads but the present"
    return Field(tokens=tokens, why=f"{why}: the output depends on the last {counted(tokens, 'token')}")


def _reach_of(layer: nn.Module) -> int | str | None:
    """How many tokens before the present one it reads: None for a layer without a window, or why there is no limit."""
    if isinstance(layer, ParallelLayer):
        found = [_reach_of(side) for side in layer.sides]
        limitless = next((reach for reach in found if isinstance(reach, str)), None)
        return limitless or max((r for r in found if isinstance(r, int)), default=None)
    if isinstance(layer, MambaLayer):
        return "is recurrent: it reads without limit"
    if isinstance(layer, DrawnLayer):
        return (
            "carries a state: it reads without limit"
            if layer.graph.reach is None
            else layer.graph.reach or None
        )
    if isinstance(layer, TransformerLayer):
        window = layer.spec.window
        return "has an open window: it reads every token" if window is None else window - 1
    own = cast(Layer, layer)
    if any(own.state_size(length).get(part) for length in (1, 2) for part in _PARTS):
        return "is your own: it may read without limit"
    return None


_PARTS = ("ssm_state", "conv_tail", "kv_cache")
