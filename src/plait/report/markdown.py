"""A report's blocks in Markdown as GitHub and CommonMark read it: no line begins with an HTML comment.

Our own words are Markdown; nothing of what was stored becomes HTML, begins a line, or ends a marked place of the page.
"""

import re
from collections.abc import Sequence

from plait.checks import printable
from plait.report.document import Block, ClaimVerdict, Picture, Table, Verdicts


def markdown_text(block: Block, *, images: str = "images") -> str:
    """One block; a picture is a link to its file.

    Args:
        images: the folder of pictures, as the page sees it.
    """
    if isinstance(block, Table):
        return _folded(block) if block.folded else markdown_table(block)
    if isinstance(block, Picture):
        return f"![{_bracketless(inert(block.brief or block.alt))}]({images}/{block.name}.svg)"
    if isinstance(block, Verdicts):
        return "\n".join(_verdict_lines(block.verdicts))
    if block.code:
        return "\n".join(("```sh", *(" ".join(line.splitlines()) for line in block.lines), "```"))
    lines = [inert(line) for line in block.lines]
    if block.listed:
        return "\n".join(f"- {line}" for line in lines)
    return "\n\n".join(re.sub(r"^(?=\[)", r"\\", line) for line in lines)


def inert(text: str) -> str:
    """The text in one line, without the beginning of a tag or a comment."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", printable(" ".join(text.splitlines())))


def markdown_table(table: Table, *, brief: bool = True, caption: bool = True) -> str:
    """The table in Markdown, with its brief columns or all of them, its caption above and its notes below."""
    shown = [place for place, column in enumerate(table.columns) if column.brief or column.page or not brief]
    columns = [table.columns[place] for place in shown]
    lines = [
        _row([column.title for column in columns]),
        _row(["---:" if column.numeric else "---" for column in columns]),
        *(_row([row[place].text for place in shown]) for row in table.rows),
    ]
    notes = "".join(f"\n\n*{inert(note)}*" for note in table.notes)
    above = f"**{inert(table.caption)}**\n\n" if caption else ""
    return above + "\n".join(lines) + notes


def _folded(table: Table) -> str:
    inside = markdown_table(table, caption=False)
    return f"<details>\n<summary>{inert(table.caption)}</summary>\n\n{inside}\n\n</details>"


def _verdict_lines(verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """One line a claim; where it is read in several settings, one below it for each."""
    claims: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        claims.setdefault(verdict.claim, []).append(verdict)
    return [line for claim, read in claims.items() for line in _claim_lines(claim, read)]


def _claim_lines(claim: str, read: Sequence[ClaimVerdict]) -> list[str]:
    check = [f"  - check it: `{read[0].check}`"] if read[0].check else []
    if len(read) == 1 and not read[0].reading:
        return [f"- {_bold(read[0].outcome, ':')}{inert(f'{claim} {read[0].found}')}", *check]
    found = [f"  - *{one.reading}*: {_bold(one.outcome, '.')}{inert(one.found)}" for one in read]
    return [f"- {inert(claim)}", *found, *check]


def _bold(outcome: str, mark: str) -> str:
    """Before a claim with a colon: it says what the claim turned out to be, and is no sentence beside it."""
    return f"**{outcome.capitalize()}{mark}** " if outcome else ""


def _row(entries: Sequence[str]) -> str:
    return f"| {' | '.join(inert(entry).replace('|', chr(92) + '|') for entry in entries)} |"


def _bracketless(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")
