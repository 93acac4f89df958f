"""Figure 8 and Table 1: what one released program ran, and what ours runs where a page says "as it was run"."""

from dataclasses import replace

from plait.memory import count
from plait.paper import wide_models as wide
from plait.paper.fig8 import FIG8
from plait.paper.protocol_small import PROGRAM, Fact
from plait.paper.tab1 import PROPORTIONS
from plait.paper.wide_models import WIDE, WIDE_PROTOCOL, as_run, packed

_LOGS = "released program, and what it logged"


def _millions() -> list[float]:
    """Trainable parameters of hybrid, Transformer and Mamba."""
    sized = [replace(model, vocab_size=wide.BASE.task.vocab_size) for model in as_run(WIDE)]
    return [count(model, WIDE_PROTOCOL.seq_len).parameters / 1e6 for model in sized]


def _task() -> str:
    task = packed(0.2, separator=False)
    low, high = task.lengths
    return f"examples of {low} to {high} tokens, {'a' if task.separator else 'no'} separator, the last {task.last}"


def _tests() -> tuple[int, ...]:
    """The lengths of Figure 8's tests, up to those of the program."""
    return tuple(sorted({test.seq_len for test in FIG8.experiment.evaluations if test.seq_len < 200}))


WIDE_FACTS = (
    Fact(
        what="Figure 8 and Table 1: steps, rows and rate",
        program="2,000 steps of 8 rows of 200 tokens, 3e-4, the same optimiser and schedule",
        source=_LOGS,
        ours=lambda: (
            f"{WIDE_PROTOCOL.steps:,} of {WIDE_PROTOCOL.batch} rows of {WIDE_PROTOCOL.seq_len} tokens, "
            f"{WIDE_PROTOCOL.lr:g}, weight decay {WIDE_PROTOCOL.weight_decay:g}, clipped at {WIDE_PROTOCOL.clip:g}, "
            f"{WIDE_PROTOCOL.warmup} steps up"
        ),
        agrees=lambda: (
            (WIDE_PROTOCOL.steps, WIDE_PROTOCOL.batch, WIDE_PROTOCOL.seq_len, WIDE_PROTOCOL.lr)
            == (2_000, 8, 200, 3e-4)
            and (WIDE_PROTOCOL.weight_decay, WIDE_PROTOCOL.clip, WIDE_PROTOCOL.warmup) == (0.1, 1.0, 100)
        ),
    ),
    Fact(
        what="Figure 8 and Table 1: models",
        program="width 1,024; SSM-TF six times with MLPs of 2 d, 90.4 M; 12 TF layers with MLPs of 4 d, 151 M; 32 "
        "Mamba layers of 16 states, 213 M (12 of 32 states were meant)",
        source=_LOGS,
        ours=lambda: ", ".join(
            f"{m.pattern} {n:.1f} M" for m, n in zip(as_run(WIDE), _millions(), strict=True)
        ),
        agrees=lambda: [round(n) for n in _millions()] == [90, 151, 213] and as_run(WIDE)[2].d_state == 16,
    ),
    Fact(
        what="Figure 8 and Table 1: heads and window",
        program="16 heads, 20 tokens in every layer of attention",
        source=PROGRAM,
        ours=lambda: f"{as_run(WIDE)[0].n_heads}, {as_run(WIDE)[0].window}",
        agrees=lambda: all((m.n_heads, m.window) == (16, 20) for m in as_run(WIDE)[:2]),
    ),
    Fact(
        what="Figure 8 and Table 1: initial weights and dropout",
        program="the hybrid's as above; no dropout in the others, Mamba's own steps in Mamba, its maps not stated",
        source=PROGRAM,
        ours=lambda: "; ".join(f"{m.pattern} {m.init}, dropout {m.dropout:g}" for m in as_run(WIDE)),
        agrees=lambda: (
            [(m.init, m.dropout) for m in as_run(WIDE)]
            == [("released", 0.1), ("released", 0.0), ("transformers", 0.0)]
            and as_run(WIDE)[0].dropout_at == "embedding"
        ),
        note="Mamba's maps are those of transformers' defaults, as its layers and states are; Figure 8's page has its "
        "authors' beside them",
    ),
    Fact(
        what="Figure 8 and Table 1: words",
        program="26 floored to 16, words of 4 bits; 21 tokens",
        source=PROGRAM,
        ours=lambda: f"{2**wide.N_BITS}, of {wide.N_BITS} bits; {wide.BASE.task.vocab_size} tokens",
        agrees=lambda: (wide.N_BITS, wide.BASE.task.vocab_size) == (4, 21),
    ),
    Fact(
        what="Figure 8 and Table 1: rows",
        program="examples of 10 to 50 tokens until 200, no separator, the last not scored",
        source=PROGRAM,
        ours=_task,
        agrees=lambda: _task() == "examples of 10 to 50 tokens, no separator, the last masked",
    ),
    Fact(
        what="Figure 8 and Table 1: tests",
        program="one example alone, 10, 20, .. 190 tokens, 24 sequences a length, the mean over them, an empty one as "
        "right",
        source=PROGRAM,
        ours=lambda: (
            f"{_tests()[0]}, {_tests()[1]}, .. {_tests()[-1]} tokens, {wide.WIDE_TESTED_TOKENS:,} tokens a length; "
            "pooled, and the program's mean beside it"
        ),
        agrees=lambda: False,
        note='pooled tokens are judged; "scored as run" names the other',
    ),
    Fact(
        what="Table 1: the proportion of bits in tests",
        program="that of training, whatever the label says",
        source=_LOGS,
        ours=lambda: (
            f"each of {', '.join(f'{p:g}' for p in PROPORTIONS)}, that of training and 0.2 among them"
        ),
        agrees=lambda: 0.2 in PROPORTIONS,
        note="the page has both readings",
    ),
    Fact(
        what="Figure 8 and Table 1: numbers",
        program="float32",
        source=PROGRAM,
        ours=lambda: f"products in {WIDE_PROTOCOL.products}, the rest in float32",
        agrees=lambda: False,
        note="compared with float32 on the page of Figure 8",
    ),
    Fact(
        what="Figure 8 and Table 1: runs of a model",
        program="3, the band from least to most",
        source=PROGRAM,
        ours=lambda: "3 to 5 asked for",
        agrees=lambda: len(FIG8.experiment.sweep["train.seed"]) >= 3,
        note="not all of them are trained: each table says how many are",
    ),
)
