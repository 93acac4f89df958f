"""The suite of a task; for tasks without one of their own, what is hard for any model that copies or counts."""

from collections.abc import Iterator

from plait.compiler import Program
from plait.tasks import DecodingRecall, SelectiveCopying, Task
from plait.verify.adversarial.cases import Case, case, fillers
from plait.verify.adversarial.copying import copying_cases
from plait.verify.adversarial.program import program_cases
from plait.verify.adversarial.recall import recall_cases
from plait.verify.inputs import occurring_tokens


def suite(task: Task, *, seq_len: int, window: int | None, seed: int) -> Iterator[Case]:
    """Inputs of at most `seq_len` tokens; `window` is that of the model's last attention layer, None for all."""
    if type(task) is SelectiveCopying:
        return copying_cases(task, seq_len=seq_len, seed=seed)
    if type(task) is DecodingRecall:
        return recall_cases(task, seq_len=seq_len, window=min(window or seq_len, seq_len), seed=seed)
    if isinstance(task, Program):
        return program_cases(task, seq_len=seq_len, seed=seed)
    return _any_task(occurring_tokens(task), seq_len=seq_len, seed=seed)


def _any_task(n_tokens: int, *, seq_len: int, seed: int) -> Iterator[Case]:
    chosen = sorted(
        {place * n_tokens // min(n_tokens, 24) for place in range(min(n_tokens, 24))} | {n_tokens - 1}
    )
    yield from case("one token", ([token] * seq_len for token in chosen), seq_len=seq_len)
    pairs = ([one, other] * (-(-seq_len // 2)) for one in chosen for other in chosen)
    yield from case("two tokens by turns", pairs, seq_len=seq_len)
    rising = [place % n_tokens for place in range(seq_len)]
    yield from case("all in order", (rising, rising[::-1]), seq_len=seq_len)
    for step, few in enumerate((2, 3, 5)):
        tokens = fillers(seed, step, (64, seq_len), chosen[:few])
        yield Case(name=f"{few} tokens alone", tokens=tokens)
    yield Case(name="uniform", tokens=fillers(seed, 8, (64, seq_len), range(n_tokens)))
