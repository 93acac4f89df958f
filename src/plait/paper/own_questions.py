"""Questions of our own, on which the paper says nothing: answers in the same form as verdicts."""

from plait.experiments import Cell, value_text
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Found
from plait.findings.judges import PATTERN, WIDTH, having, trained, training
from plait.findings.series import value_of
from plait.findings.settings import leaner_ratios, setting_ratios
from plait.findings.trends import of_task
from plait.findings.words import bracketed, decimals, ratio_text
from plait.paper.shapes import BUILT

FOUND_BACK = 0.99


def shift(found: Found) -> Finding | None:
    """The lowest accuracy of each pattern over the proportions of numbers, at the largest width."""
    tested = [
        cell
        for cell in found.cells
        if value_of(cell, "test.task") == "selective-copying" and value_of(cell, "test.variant") == "uniform"
    ]
    widest = max((value_of(cell, WIDTH) for cell in tested), default=0)
    words, shown = [], []
    for pattern in dict.fromkeys(cell.pattern for cell in tested):
        cells = having(tested, {PATTERN: pattern, WIDTH: widest})
        if len(cells) < 2:
            continue
        trained = [cell for cell in cells if value_of(cell, "test.p_number") == cell.run.task.p_number]  # pyright: ignore[reportAttributeAccessIssue]
        worst = min(cells, key=lambda cell: found.summary(cell).mean)
        before = f"{bracketed(found.summary(trained[0]))} at 0.2, " if trained else ""
        words.append(
            f"{pattern} {before}least {bracketed(found.summary(worst))} at {value_of(worst, 'test.p_number'):g}"
        )
        shown += cells[:1]
    if not words:
        return None
    return Finding(
        outcome=Outcome.OWN, ours="; ".join(words), why=f"width {widest}", **training(found, shown)
    )


def basin(found: Found) -> Finding | None:
    """The largest noise from which training finds back to .99, at the best learning rate, for each task."""
    words, shown = [], []
    for task in ("selective-copying", "decoding-recall"):
        cells = of_task(found, task)
        noisy = sorted((c for c in cells if c.run.start is not None and not c.run.start.random), key=_noise)
        if len(noisy) < 2:
            continue
        back = None
        for cell in noisy:
            if found.summary(cell).mean < FOUND_BACK:
                break
            back = cell
        lost = next((cell for cell in noisy if back is None or _noise(cell) > _noise(back)), None)
        text = f"{task}: " + ("not even without noise" if back is None else f"to noise {_noise(back):g}")
        if lost is not None:
            text += f", at {_noise(lost):g} {bracketed(found.summary(lost))}"
        every = [c for c in cells if c.run.start is not None and c.run.start.random]
        parts = [f"{_random(c)} {decimals(found.summary(c).mean)}" for c in every]
        words.append(f"{text}; {'; '.join(parts)}" if parts else text)
        shown += noisy
    if not words:
        return None
    rate = ", ".join(sorted({f"{found.summary(cell).lr:g}" for cell in shown}, key=float))
    return Finding(
        outcome=Outcome.OWN,
        ours=". ".join(words),
        why=f"finding back is a mean of {decimals(FOUND_BACK, 2)}",
        rates=rate,
        trained=trained(shown),
    )


def _noise(cell: Cell) -> float:
    return cell.run.start.noise if cell.run.start is not None else 0.0


def _random(cell: Cell) -> str:
    start = cell.run.start
    if start is None or len(start.random) < cell.run.model.n_layers + 2:
        return value_text(start)
    return "everything random"


def shapes(found: Found) -> Finding | None:
    """Each shape's accuracy from random weights, by size, and the smallest that gets to .99."""
    cells = sorted(found.cells, key=lambda cell: cell.parameters)
    if len(cells) < 2:
        return None
    learned = [cell for cell in cells if found.summary(cell).mean >= FOUND_BACK]
    first = f"yes, from {learned[0].parameters:,} parameters on" if learned else "none to .99"
    every = ", ".join(
        f"{bracketed(found.summary(cell))} at {cell.parameters:,}{'' if cell.run.model in BUILT else ' (altered)'}"
        for cell in cells
    )
    return Finding(
        outcome=Outcome.OWN,
        ours=f"{first}: {every}",
        why="altered: one part set back to that of Figure 4",
        **training(found, cells),
    )


def choices(found: Found) -> Finding | None:
    """The ratio on which each task's verdict turns, by dropout, initial weights and precision."""
    ratios = setting_ratios(found.cells)
    if len({setting for _, setting, _ in ratios}) < 2:
        return None
    words = [f"{task} {setting}: {ratio_text(ratio)}" for task, setting, ratio in ratios]
    return Finding(
        outcome=Outcome.OWN, ours="; ".join(words), rates="chosen for each", trained=trained(found.cells)
    )


def lean(found: Found) -> Finding | None:
    """The ratio at 60% of Figure 6's Transformers, and of those without MLP, over each setting of the hybrids."""
    ratios = leaner_ratios(found.cells, 0.6)
    if len({mixed for _, mixed, _ in ratios}) < 2:
        return None
    words = [f"{small} over {mixed}: {ratio_text(ratio)}" for small, mixed, ratio in ratios]
    return Finding(outcome=Outcome.OWN, ours="; ".join(words), **training(found, found.cells))


OWN_QUESTIONS: tuple[Claim, ...] = (
    Claim(
        experiment="shift",
        statement="What was learned at a proportion of numbers of 0.2, at .03 to .9",
        judge=shift,
    ),
    Claim(
        experiment="basin",
        statement="From how much relative noise on its weights training finds back to a construction",
        judge=basin,
    ),
    Claim(
        experiment="shapes",
        statement="Models of a construction's shape learn selective copying from random weights",
        judge=shapes,
    ),
    Claim(
        experiment="lean",
        statement="Pure over hybrid parameters at 60% of multi-key recall, by states, initial weights and MLP",
        judge=lean,
    ),
    Claim(
        experiment="choices",
        statement="Pure over hybrid parameters at 90% (copying) and 60% (multi-key recall) by dropout, initial "
        "weights and precision",
        judge=choices,
    ),
)
