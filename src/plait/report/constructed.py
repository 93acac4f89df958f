"""`fig9` and `fig10`: pages that show how the two constructions work, drawn from real forward passes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from plait import Stream
from plait.checks.values import unknown
from plait.constructions import Plan, check_lemmas, copying_plan, cost, recall_plan
from plait.report.construction_costs import growth_table, reach_table, tradeoff_blocks
from plait.report.document import Block, Column, Entry, Lines, Picture, Report, Section, Table
from plait.report.pass_contents import inside
from plait.report.pass_drawings import heat_map, heat_map_alt, pass_diagram, pass_diagram_alt
from plait.tasks import DecodingRecall, SelectiveCopying

_SEQ_LEN = 100

DRAWN = "How the built models work"
"""Title of the section that other pages take."""

_LEMMAS = (
    Column(name="lemma", title="lemma", numeric=False),
    Column(name="about", title="about", numeric=False),
    Column(name="bound", title="proved", numeric=False),
    Column(name="measured", title="measured"),
    Column(name="holds", title="holds", numeric=False),
)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A construction to be drawn.

    Attributes:
        question: what the page answers.
        plan: drawn on a hundred tokens of its task.
        small: a smaller one, drawn as a diagram.
        tokens: what the small one reads, by name.
        marks: tokens that steer.
    """

    question: str
    plan: Plan
    small: Plan
    tokens: str
    marks: tuple[str, ...]


def _copying() -> Drawing:
    small = SelectiveCopying(n_words=6, numbers=(2, 3, 5))
    return Drawing(
        question="How does a Mamba block and an attention block copy selectively, with weights set by hand?",
        plan=copying_plan(SelectiveCopying(), _SEQ_LEN),
        small=copying_plan(small, 16),
        tokens="a b 3' c d e 2' f a b 5' c d e f",
        marks=tuple(f"{number}'" for number in small.numbers),
    )


def _recall() -> Drawing:
    return Drawing(
        question="How do a Mamba block and two attention blocks decode a word and recall what followed it?",
        plan=recall_plan(DecodingRecall(), _SEQ_LEN, base=2),
        small=recall_plan(DecodingRecall(n_bits=2), 14),
        tokens="w2 w1 1 w3 w2 w0 0 w2 w2 w3 1 1 w1 w0",
        marks=("0", "1"),
    )


DRAWINGS: Mapping[str, str] = MappingProxyType({"fig9": "selective copying", "fig10": "decoding recall"})
"""The figures of the paper that are drawn, not trained."""


def construction_report(name: str) -> Report:
    """The page of `fig9` or `fig10`.

    Raises:
        ValueError: another name.
    """
    if name not in DRAWINGS:
        raise ValueError(unknown("drawing", name, DRAWINGS))
    drawing = _copying() if name == "fig9" else _recall()
    return Report(
        title=f"plait: {name}, the construction of {DRAWINGS[name]}",
        question=drawing.question,
        sections=(
            Section(title="What it holds", blocks=_heat_map_blocks(name, drawing.plan)),
            Section(title="One forward pass", blocks=(_diagram(name, drawing),)),
            Section(title="Lemmas on this sequence", blocks=(_lemmas(drawing.plan),)),
            *_costs(name, drawing.plan),
            Section(
                title="How this was made", blocks=(Lines(lines=(f"plait reproduce {name}",), code=True),)
            ),
        ),
    )


def drawn_pictures(names: Collection[str]) -> Iterator[Picture]:
    """The pictures of `fig9` and `fig10` with these names of files."""
    for figure in DRAWINGS:
        if any(name.startswith(f"{figure}-") for name in names):
            blocks = (block for section in construction_report(figure).sections for block in section.blocks)
            yield from (block for block in blocks if isinstance(block, Picture) and block.name in names)


def drawings_section() -> Section:
    """The diagrams of both constructions, for the pages of others."""
    return Section(title=DRAWN, blocks=(_diagram("fig9", _copying()), _diagram("fig10", _recall())))


def _heat_map_blocks(name: str, plan: Plan) -> tuple[Block, ...]:
    seen = inside(plan.build(), _tokens(plan))
    price = cost(plan, _SEQ_LEN)
    figure = Picture(
        caption=f"What goes in, what each subspace holds after every layer, and what comes out: {plan.describe()}",
        draw=lambda: heat_map(seen),
        tell=lambda: heat_map_alt(seen),
        name=f"{name}-heat",
    )
    line = (
        f"{plan.config().pattern}, {plan.name}: width {price.width}, {price.parameters:,} parameters, "
        f"{price.ssm_state} recurrent states, {price.kv_cache:,} keys and values"
    )
    return Lines(lines=(line,)), figure


def _diagram(name: str, drawing: Drawing) -> Picture:
    names = drawing.small.task.token_names
    tokens = torch.tensor([names.index(token) for token in drawing.tokens.split()])
    seen = inside(drawing.small.build(), tokens)
    return Picture(
        caption=f"One forward pass, from its real tensors: {drawing.small.describe()}",
        draw=lambda: pass_diagram(seen, marks=drawing.marks),
        tell=lambda: pass_diagram_alt(seen),
        name=f"{name}-pass",
    )


def _costs(name: str, plan: Plan) -> tuple[Section, ...]:
    """What the construction costs at the experiment's size, and how that grows."""
    task = plan.task
    sections = [
        Section(title="Width against precision", blocks=tradeoff_blocks(task, _SEQ_LEN, name=name)),
        Section(title="How costs grow", blocks=(growth_table(plan.kind),)),
    ]
    if isinstance(task, DecodingRecall):
        sections.append(Section(title="How far to look", blocks=(reach_table(task),)))
    return tuple(sections)


def _lemmas(plan: Plan) -> Table:
    """Every lemma, held against the forward pass of the heat map."""
    rows: list[tuple[Entry, ...]] = []
    for check in check_lemmas(plan.build(), _tokens(plan)):
        bound = f"{'at least' if check.at_least else 'at most'} {check.proved:.4g}"
        measured = "-" if check.measured is None else f"{check.measured:.4g}"
        rows.append(
            (
                Entry(text=check.lemma, value=check.lemma),
                Entry(text=check.about, value=check.about),
                Entry(text=bound, value=check.proved),
                Entry(text=measured, value=check.measured),
                Entry(text="yes" if check.holds else "NO", value=check.holds),
            )
        )
    return Table(caption="Proved and measured", columns=_LEMMAS, rows=tuple(rows))


def _tokens(plan: Plan) -> torch.Tensor:
    return plan.task.sample(Stream(0), batch=1, seq_len=_SEQ_LEN)[0]
