"""For a memory budget, a length and a number of items: which patterns theory rules out, and what the rest cost.

A pattern that remains is not promised to work: no bound here excludes it, that is all.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil

from plait.advisor.candidates import Candidate, candidates
from plait.advisor.capacities import SCOPE
from plait.memory import Architecture, architecture_of, cost
from plait.memory.crossing import NO_ATTENTION
from plait.memory.report import check_count
from plait.model import HybridConfig
from plait.tasks import AssociativeRecall
from plait.theory import Bound, attention_reach, ssm_state_bits

ARITHMETIC = "a count of bytes, not a theorem"
LARGEST_FAMILY = 1024
"""Items of which the bound is always told; of more only as many as half of the sequence has room for."""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Why a pattern is ruled out.

    Args:
        bound: "budget", "state bits" or "reach".
        needed: at least (at most, for the budget), in `unit`.
        got: what the pattern has.
        statement: the bound in a sentence.
        source: where it is proved.
        scope: what kind of truth it is.
    """

    bound: str
    needed: int
    got: int
    unit: str
    statement: str
    source: str
    scope: str


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One pattern and its verdict.

    Args:
        window: "full" or the tokens that every attention layer sees, "none" without attention, "own" in the
            model as it is.
        state_bytes: held by one sequence at the plan's length.
        flops_per_token: of a decode step at that length.
        bytes_per_token: moved by it, one sequence at a time.
        exclusions: empty if it remains.
    """

    pattern: str
    window: str
    parameters: int
    state_bytes: int
    flops_per_token: int
    bytes_per_token: int
    exclusions: tuple[Exclusion, ...]

    @property
    def remains(self) -> bool:
        """No bound rules it out."""
        return not self.exclusions


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """The patterns of one model for one demand.

    Args:
        budget: bytes that one sequence may hold.
        items: words whose latest followers must be recalled exactly, on every input of `seq_len` tokens.
        state_bits: the bound on everything that is carried from token to token, with or without attention.
        reach: the bound on windows without recurrence.
        candidates: those that remain first, then by bytes held.
    """

    model: str
    dtype: str
    seq_len: int
    budget: int
    items: int
    state_bits: Bound
    reach: Bound
    candidates: tuple[Planned, ...]
    notes: tuple[str, ...]
    scope: str = SCOPE

    @property
    def least_bytes(self) -> int:
        """No causal model of any pattern does with fewer bytes."""
        return ceil(self.state_bits.value / 8)

    @property
    def impossible(self) -> bool:
        """The budget itself is below the bound."""
        return 8 * self.budget < self.state_bits.value

    @property
    def remaining(self) -> tuple[Planned, ...]:
        """Patterns that no bound rules out."""
        return tuple(candidate for candidate in self.candidates if candidate.remains)

    def to_json(self) -> dict[str, object]:
        """Everything but certificates, as plain JSON."""
        names = (
            "model",
            "dtype",
            "seq_len",
            "budget",
            "items",
            "scope",
            "notes",
            "least_bytes",
            "impossible",
        )
        bounds = {
            name: {"value": float(bound.value), "statement": bound.statement}
            for name, bound in (("state_bits", self.state_bits), ("reach", self.reach))
        }
        listed = [{**asdict(c), "remains": c.remains} for c in self.candidates]
        return {**{name: getattr(self, name) for name in names}, **bounds, "candidates": listed}

    def rows(self) -> list[dict[str, object]]:
        """One row a pattern: columns of a table."""
        return [
            {
                "pattern": c.pattern,
                "window": c.window,
                "parameters": c.parameters,
                "state_bytes": c.state_bytes,
                "flops_per_token": c.flops_per_token,
                "bytes_per_token": c.bytes_per_token,
                "verdict": "remains"
                if c.remains
                else "ruled out: " + ", ".join(e.bound for e in c.exclusions),
            }
            for c in self.candidates
        ]


def plan(
    model: HybridConfig | Architecture,
    *,
    budget: int,
    seq_len: int,
    items: int,
    dtype: object = None,
    windows: Sequence[int | None] | None = None,
) -> MemoryPlan:
    """Mix the model's layers anew and say which mixes are ruled out.

    Args:
        model: supplies the sizes of its recurrent and its attention layers.
        budget: bytes of state and cache that one sequence may hold.
        seq_len: tokens of the inputs.
        items: words to recall, at least 2.
        dtype: of the model; its own by default.
        windows: to try in every attention layer, None being full; by default powers of 4 and full.

    Raises:
        ValueError: a budget, length or window below 1, fewer than 2 items, an unknown dtype, a user's own layer.
    """
    check_count("budget", budget)
    check_count("seq_len", seq_len)
    check_count("items", items, least=2)
    tried = tuple(_default_windows(seq_len) if windows is None else windows)
    for window in tried:
        if window is not None:
            check_count("window", window)
    architecture = model if isinstance(model, Architecture) else architecture_of(model)
    name = architecture.checked_dtype(dtype)
    bits = needed_bits(items, seq_len)
    reach = attention_reach(AssociativeRecall(n_words=items), seq_len)
    planned = [
        _judged(candidate, budget=budget, seq_len=seq_len, dtype=name, bits=bits, reach=reach)
        for candidate in candidates(model, tried)
    ]
    return MemoryPlan(
        model=architecture.title,
        dtype=name,
        seq_len=seq_len,
        budget=budget,
        items=items,
        state_bits=bits,
        reach=reach,
        candidates=tuple(sorted(planned, key=lambda p: (not p.remains, p.state_bytes))),
        notes=() if any(b.kv_per_token for b in architecture.blocks) else (NO_ATTENTION,),
    )


def needed_bits(items: int, seq_len: int) -> Bound:
    """Bits that recall of `items` words on inputs of `seq_len` tokens needs.

    Where more words are asked for than half the tokens, the bound for that half is taken, which holds for more
    words too (they need not occur) and is quick to find.
    """
    fitting = items if items <= LARGEST_FAMILY or 2 * items <= seq_len else max(seq_len // 2, LARGEST_FAMILY)
    return ssm_state_bits(AssociativeRecall(n_words=fitting), seq_len=seq_len)


def _default_windows(seq_len: int) -> list[int | None]:
    powers = [4**k for k in range(2, 16) if 4**k < seq_len]
    return [*powers, None]


def _judged(
    candidate: Candidate, *, budget: int, seq_len: int, dtype: str, bits: Bound, reach: Bound
) -> Planned:
    """The candidate with everything that speaks against it."""
    architecture = candidate.architecture
    held = architecture.state_bytes(seq_len, dtype=dtype)
    step = cost(architecture, seq_len, dtype=dtype)
    against: list[Exclusion] = []
    if held > budget:
        against.append(_over_budget(held, budget))
    if 8 * held < bits.value:
        against.append(
            Exclusion(
                bound="state bits",
                needed=ceil(bits.value),
                got=8 * held,
                unit="bits",
                statement=bits.statement,
                source="plait.theory.ssm_state_bits; docs/theory.md, Theorem 2.6",
                scope=SCOPE,
            )
        )
    seen = config_field(architecture)
    if seen is not None and seen - 1 < reach.value:
        against.append(
            Exclusion(
                bound="reach",
                needed=int(reach.value),
                got=seen - 1,
                unit="tokens",
                statement=reach.statement,
                source="plait.theory.attention_reach; docs/theory.md, Theorem 3.1",
                scope=SCOPE,
            )
        )
    return Planned(
        pattern=candidate.pattern,
        window=candidate.window,
        parameters=architecture.parameters,
        state_bytes=held,
        flops_per_token=int(step.flops_per_token),
        bytes_per_token=int(step.bytes_per_token),
        exclusions=tuple(against),
    )


def _over_budget(held: int, budget: int) -> Exclusion:
    return Exclusion(
        bound="budget",
        needed=budget,
        got=held,
        unit="bytes",
        statement=f"One sequence holds {held} bytes, {held - budget} more than the budget.",
        source="plait.memory",
        scope=ARITHMETIC,
    )


def config_field(architecture: Architecture) -> int | None:
    """Tokens that the last output can depend on; None where a recurrence or full attention sees all."""
    seen = 1
    for block in architecture.blocks:
        if block.recurrent or block.pool or (block.score and block.window is None):
            return None
        if block.score and block.window is not None:
            seen += block.window - 1
        seen += block.conv_reach
    return seen
