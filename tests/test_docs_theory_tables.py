"""The tables and figures of docs/theory.md are what the code gives."""

import math
import re
import runpy
from pathlib import Path

from examples.programs import associative_recall, induction_2, induction_3

from plait.compiler import plan_program
from plait.constructions import cost
from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory import accuracy_ceiling, accuracy_floor, best_accuracy, frontier, ssm_state_bits

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("theory.md", "theory-constructions.md")}

TASKS = {
    "selective copying": SelectiveCopying(),
    "associative recall": AssociativeRecall(n_words=32),
    "multi-key recall": MultiKeyRecall(),
    "decoding recall": DecodingRecall(),
    "decoding recall, bits last": DecodingRecall(variant="last"),
    "needle": Needle(),
}


def test_the_picture_of_last_followers_is_what_its_program_draws():
    program = runpy.run_path(str(DOCS / "draw_last_followers.py"))
    assert program["draw"](program["TEXT"]) == (DOCS / "images" / "last-followers.svg").read_text()
    assert program["last_followers"]("bbcba") == {"bb": "bc", "bc": "cb", "cb": "ba"}


def test_the_tables_of_bits():
    """The table at the head of the page, that of 2.11, and its line of errors."""
    text = PAGES["theory.md"]
    for name, task in TASKS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |") and "bits |" in line)
        whole, at_100, reach = re.findall(r"([\d.]+) (?:bits|tokens)", row)[-3:]
        assert close(ssm_state_bits(task).value, whole), row
        assert close(ssm_state_bits(task, seq_len=100).value, at_100), row
        from plait.theory import attention_reach

        assert attention_reach(task, 100).value == int(reach)
    table = text.partition("**2.11")[2].partition("At an average")[0]
    head, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    for name, *values in rows:
        for length, value in zip(head[1:], values, strict=True):
            seq_len = None if length == "any" else int(length)
            assert close(ssm_state_bits(TASKS[name], seq_len=seq_len).value, value), (name, length)
    sentence = text.partition("At an average error of 0.01, 0.1 and 0.5: ")[2].partition("\n\n")[0]
    for part in sentence.rstrip(".").replace("\n", " ").split("; "):
        name, values = re.fullmatch(r"([a-z\- ]+?) ([\d., ]+)(?: bits)?", part).groups()
        for error, value in zip(("0.01", "0.1", "0.5"), values.split(", "), strict=True):
            assert close(ssm_state_bits(TASKS[name], error=error).value, value), part


def test_the_table_of_the_frontier():
    text = PAGES["theory.md"].partition("**11.4")[2]
    head, _, *rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    reaches = [int(reach) for reach in head[1:]]
    assert [name for name, *_ in rows[:5]] == [name for name in TASKS if "last" not in name]
    for name, *values in rows[:5]:
        for (_, bits), value in zip(frontier(TASKS[name], 100, reaches=reaches), values, strict=True):
            assert close(bits, value), (name, values)


def close(bits, written):
    """Whether a value written down, rounded in its last place or cut off, is the one computed."""
    places = len(written.partition(".")[2])
    return abs(float(bits) - float(written)) < 10**-places


def test_the_table_of_ceilings():
    table = PAGES["theory.md"].partition("**13.5")[2].partition("**Theorem 13.6")[0]
    head, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    for name, *values in rows:
        ceilings = accuracy_ceiling(TASKS[name], 100, [float(bits) for bits in head[1:]])
        assert [f"{math.ceil(1000 * ceiling) / 1000:.3f}" for ceiling in ceilings] == values, name


def test_how_far_ceiling_and_floor_are_apart():
    """The numbers of 13.7 and of the pages, on the grid of quarter bits and over the tables of learned models."""
    text = " ".join(
        PAGES["theory.md"].partition("*How exact the ceilings")[2].partition("*Where it is")[0].split()
    )
    task, grid = SelectiveCopying(), [place / 4 for place in range(183)]
    ceilings, floors = (
        {n: bound(task, n, grid) for n in (100, 200)} for bound in (accuracy_ceiling, accuracy_floor)
    )
    apart = {
        (ceilings[n][place] - floors[n][place], bits) for n in (100, 200) for place, bits in enumerate(grid)
    }
    assert f"are {_up(max(apart)[0])} apart at most, at {max(apart)[1]} bits" in text
    assert {bits for width, bits in apart if width < 0.01} == {0, 0.25, 0.5, 0.75, 45.5}
    more = []
    for page in ("fig4", "length"):
        told = (DOCS / "results" / f"{page}.md").read_text().partition("[ceilings: ")[2].partition("[end]")[0]
        for row in re.findall(r"^\| SSM[^|]*\| selective-copying (.*) \|$", told, flags=re.MULTILINE):
            _, tokens, accuracy, less, bits, _ = (cell.strip() for cell in f" {row}".split("|"))
            reached = float(accuracy) - float(less)
            enough = next(b for b, floor in zip(grid, floors[int(tokens)], strict=True) if floor >= reached)
            more.append((enough - float(bits), enough, float(bits), reached))
    widest, median = max(more), sorted(more)[len(more) // 2]
    assert f"of the {len(more)} learned models" in text
    assert f"at most {widest[0]} bits more" in text
    assert f"({widest[1]} for {widest[2]:g}, accuracy {widest[3]:.3f})" in text
    assert f"{median[0]} more in the median" in text


def test_the_tables_of_the_optimum():
    """Floors rounded down, ceilings up, the best to the nearest."""
    page = PAGES["theory.md"]
    head, _, *rows = _table(page.partition("**Theorem 13.6")[2].partition("**13.7")[0])
    tasks = [
        (SelectiveCopying(n_words=2, numbers=(1,)), 20),
        (SelectiveCopying(n_words=2, numbers=(2,)), 6),
        (SelectiveCopying(n_words=2, numbers=(1, 2)), 5),
        (SelectiveCopying(n_words=3, numbers=(2,)), 5),
        (AssociativeRecall(n_words=3), 6),
        (AssociativeRecall(n_words=4), 5),
        (Needle(n_words=3), 6),
    ]
    for (name, states, low, best, high), (task, seq_len) in zip(rows, tasks, strict=True):
        bits = [math.log2(int(states))]
        assert _down(accuracy_floor(task, seq_len, bits)[0]) == low, name
        assert f"{best_accuracy(task, seq_len, int(states)):.3f}" == best, name
        assert _up(accuracy_ceiling(task, seq_len, bits)[0]) == high, name
    head, _, *rows = _table(page.partition("**13.7")[2].partition("## 14")[0])
    for name, *values in rows:
        task, _, side = name.partition(", at ")
        bound, said = {"least": (accuracy_floor, _down), "most": (accuracy_ceiling, _up)}[side]
        assert [said(one) for one in bound(TASKS[task], 100, [float(bits) for bits in head[1:]])] == values, (
            name
        )


def _table(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def _down(accuracy):
    return f"{math.floor(1000 * accuracy + 1e-5) / 1000:.3f}"  # a floor is stated 1e-9 too low


def _up(accuracy):
    return f"{math.ceil(1000 * accuracy) / 1000:.3f}"


def test_the_table_of_hops():
    table = PAGES["theory.md"].partition("**15.5")[2]
    _, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    programs = (associative_recall, induction_2, induction_3)
    for (hops, *values), program in zip(rows, programs, strict=True):
        plan = plan_program(program.program(8), 100)
        parameters = f"{cost(plan, 100).parameters:,}"
        assert values == [plan.config().pattern, str(plan.config().d_model), parameters], hops
