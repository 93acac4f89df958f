"""What `plait bounds` prints besides: the frontier and where models stand (`--frontier`), and the task's automaton."""

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait.cli.output import messages, plain_json, print_json, print_line, print_table
from plait.cli.values import parse_integers

if TYPE_CHECKING:
    from plait.advisor.automaton import AutomatonFacts
    from plait.report.frontier import Known
    from plait.report.frontier_plot import Mark
    from plait.tasks import Task
    from plait.theory import FrontierPoint
    from plait.theory.counting import Counting


_MOST_LINES = 20
"""Levels of the curve that a terminal shows."""


def show_frontier(
    task: "Task",
    asked: dict[str, Any],
    *,
    reach: str | None,
    models: "Sequence[Known]",
    seconds: float,
    output: Path | None,
    json: bool,
) -> None:
    """The curve, the models given and the one that a construction gives, printed; with `output` also drawn.

    Raises:
        ValueError: a reach below 0, or as `frontier`.
    """
    from plait.checks import check_seconds
    from plait.report.frontier import built_models, marks_beside
    from plait.theory import frontier, has_frontier

    check_seconds(seconds)
    seq_len = asked["seq_len"]
    reaches = None if reach is None else parse_integers("--reach", reach)
    if not has_frontier(task):
        messages().print(
            f"no exact count of {asked['task']} is known: a search of {seconds:g} s, all reaches together, and a few "
            "seconds for the rest",
            soft_wrap=True,
        )
    points = frontier(task, seq_len, reaches=reaches, seconds=seconds)
    marks = marks_beside(points, [*built_models(task, seq_len), *models], seq_len=seq_len)
    written = {} if output is None else _write(points, marks, asked["task"], output)
    if json:
        document = _document(points, marks, written)
        print_json({**asked, "searched": not has_frontier(task), **document})
        return
    spread = reaches is None and has_frontier(task) and len(points) < seq_len
    _print(points, marks, asked, searched=not has_frontier(task), spread=spread)
    for path in written.values():
        print_line(f"written {path}")


def _document(
    points: "Sequence[FrontierPoint]", marks: "Sequence[Mark]", written: dict[int, str]
) -> dict[str, Any]:
    listed = [
        {
            "reach": point.reach,
            "bits": point.bits,
            "states": point.bound.states,
            "confidence": point.bound.confidence,
            "found": point.bound.found,
            "statement": point.bound.statement,
            "certified": point.bound.certified,
            "certificate": point.bound.certificate,
            "file": written.get(id(point.bound)),
        }
        for point in points
    ]
    models = [
        {
            "model": mark.name,
            "kind": mark.kind,
            "note": mark.note,
            "reach": mark.place.held.reach,
            "bits": mark.place.held.bits,
            "needed": mark.place.needed,
            "ruled_out": mark.place.ruled_out,
        }
        for mark in marks
    ]
    return {"frontier": listed, "models": models, "plot": written.get(0)}


def _is_table(point: "FrontierPoint") -> bool:
    return bool(point.bits) and not point.bound.found


def _print(
    points: "Sequence[FrontierPoint]",
    marks: "Sequence[Mark]",
    asked: dict[str, Any],
    *,
    searched: bool,
    spread: bool,
) -> None:
    steps = _levels(points, asked["seq_len"])
    kept = {round(i * (len(steps) - 1) / (_MOST_LINES - 1)) for i in range(_MOST_LINES)}
    shown = steps if len(steps) <= _MOST_LINES else [step for i, step in enumerate(steps) if i in kept]
    title = f"{asked['task']}, {asked['seq_len']} tokens: bits that recurrent states need"
    print_table(
        title,
        ("reach up to", "bits", "states", "by"),
        [(step.reach, step.bits, _states(step), _by(step, asked["seq_len"])) for step in shown],
    )
    if len(shown) < len(steps):
        print_line(f"{len(steps) - len(shown)} more levels between these; --json lists all")
    if searched:
        proved = "proved is what a table needs, the rest was " * any(_is_table(step) for step in steps)
        print_line(f"no exact count is known: {proved}found by search, so true, and better may exist")
        if any(not step.bits and step.bound.found for step in steps):
            print_line("nothing was found: that proves nothing, bits may well be needed there")
    if spread:
        print_line(
            f"at {len(points)} of {asked['seq_len']} reaches, as all would take long at this size: between them more "
            "may be needed; --reach N,M,.. asks at others"
        )
    print_line(
        "reach: what all windows and convolutions look back together, sum of (window - 1) and (taps - 1)"
    )
    if marks:
        rows = [
            (
                mark.name,
                mark.kind,
                mark.place.held.reach if mark.place.held.reach is not None else "no limit",
                mark.place.held.bits,
                mark.place.needed,
                "ruled out" if mark.place.ruled_out else "not ruled out",
            )
            for mark in marks
        ]
        print_table("models", ("model", "kind", "reach", "recurrent bits", "needs", "verdict"), rows)


def _levels(points: "Sequence[FrontierPoint]", seq_len: int) -> "list[FrontierPoint]":
    """The last point of each level; where nothing is known to be needed, also the last that does not see everything."""
    from plait.theory import breakpoints

    steps = breakpoints(points)
    unknown = [point for point in points if not point.bits and point.reach < seq_len - 1][-1:]
    return sorted({step.reach: step for step in (*steps, *unknown)}.values(), key=lambda step: step.reach)


def _states(point: "FrontierPoint") -> str | None:
    """The exact number, where it is known and short."""
    states = point.bound.states
    return f"{states:,}" if states is not None and states.bit_length() <= 64 else None


def _by(point: "FrontierPoint", seq_len: int) -> str:
    if not point.bits:
        if point.reach >= seq_len - 1:
            return "nothing is left to need"
        return "nothing was found" if point.bound.found else "no family fits"
    if point.bound.confidence == 1:
        return "proved" if not point.bound.found else "found, every content tried"
    return f"{'found, ' * point.bound.found}sampled, 1 - {float(1 - point.bound.confidence):.0g}"


def _write(
    points: "Sequence[FrontierPoint]", marks: "Sequence[Mark]", task: str, folder: Path
) -> dict[int, str]:
    """The plot under 0, and each certificate under the id of its bound."""
    from plait.files import write_whole
    from plait.report import svg_text
    from plait.report.frontier_plot import frontier_plot

    folder.mkdir(parents=True, exist_ok=True)
    svg = svg_text(frontier_plot(points, marks), name="frontier")
    files = {0: str(folder / "frontier.svg")}
    write_whole(folder / "frontier.svg", svg.encode())
    for point in reversed(points):
        if point.bound.certificate is not None and id(point.bound) not in files:
            path = folder / f"{task.replace(':', '-')}-frontier-{point.reach}.json"
            write_whole(path, f"{json_text.dumps(plain_json(point.bound.certificate))}\n".encode())
            files[id(point.bound)] = str(path)
    return files


_MOST_TOKENS = 12
"""Tokens of a word that a line shows."""


def print_automaton(task: "Task", facts: "AutomatonFacts") -> None:
    """What it is, what it counts, and what that means for each kind of recurrence."""
    if facts.counting is None:
        print_line(f"automaton: none was found, so the task may not be finite-state: {facts.missing}")
        return
    print_line(f"automaton: {_sized(facts.counting)}")
    for line in _counted(task, facts.counting):
        print_line(f"automaton: {line}")
    for said in facts.means:
        print_line(f"{said.text} ({said.source})")


def _sized(counting: "Counting") -> str:
    kind = "aperiodic, it counts nothing modulo anything" if counting.aperiodic else "not aperiodic"
    if counting.states is None:
        return f"{kind} (docs/theory.md, Theorem 14.3)"
    return (
        f"{counting.states:,} states, {counting.elements:,} elements in its transition monoid, {kind}; "
        f"found by asking: {counting.tried}"
    )


def _counted(task: "Task", counting: "Counting") -> list[str]:
    lines = []
    longest = max(counting.counted, key=lambda one: one.length, default=None)
    for one in dict.fromkeys((*counting.counted[:1], *([longest] if longest else ()))):
        behind = f" behind {_named(task, one.behind)}" if one.behind else ""
        lines.append(f"the word {_named(task, one.word)}{behind} is counted modulo {one.length}")
    return lines


def _named(task: "Task", word: tuple[int, ...]) -> str:
    names = [str(task.token_names[token]) for token in word[:_MOST_TOKENS]]
    return " ".join(names) + (f" .. ({len(word)} tokens)" if len(word) > _MOST_TOKENS else "")
