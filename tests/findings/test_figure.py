"""A figure holds its claims once, and stays itself with another form of its experiment."""

import shlex
from dataclasses import replace

import polars as pl
import pytest
from made_up_rows import made_up_rows

from plait.findings.claims import Claim
from plait.paper import FIGURES
from plait.paper.catalogue import ask
from plait.report.document import Lines, Verdicts
from plait.report.reports import experiment_report


def test_a_claim_made_twice_is_refused():
    figure = FIGURES["fig4"]
    again = Claim(statement=figure.claims[0].statement, judge=figure.claims[1].judge)
    with pytest.raises(
        ValueError, match="'fig4' claims the same twice: 'SSM-TF copies selectively from 2,192"
    ):
        replace(figure, claims=(*figure.claims, again))


def test_another_form_keeps_what_is_claimed_and_reported():
    figure = FIGURES["fig4"]
    more = figure.of(figure.experiment.with_pattern("SSM-TF-SSM"))
    assert (more.name, more.claims, more.paper) == (figure.name, figure.claims, figure.paper)
    assert len(more.experiment.expand()) > len(figure.experiment.expand())


def commands_of(asked) -> list[str]:
    """Every command on the page of a figure that was asked for so, and trained in that part."""
    rows = made_up_rows(asked.part)[0].with_columns(
        pl.concat_list(pl.lit(500, pl.Int64)).alias("loss_steps"), pl.concat_list(pl.lit(1.0)).alias("losses")
    )
    report = experiment_report(asked.figure, rows)
    blocks = [block for section in report.sections for block in section.blocks]
    checks = [one.check for block in blocks if isinstance(block, Verdicts) for one in block.verdicts]
    lines = [line for block in blocks if isinstance(block, Lines) for line in block.lines]
    return [*checks, *(line for line in lines if line.startswith("plait reproduce"))]


def test_the_commands_of_a_page_ask_for_what_was_asked_for():
    """By the name that finds it, a user's own by `module:FIG`, with its further patterns and its setting."""
    own = ask("examples.my_figure:FIG", patterns=("(SSM-TF)*2",), fields={"train.seed": (0,)})
    found = commands_of(own)
    assert len(found) == 4, "two claims, what trains the rest, and what made it"
    for command in found:
        words = shlex.split(command)
        assert words[:3] == ["plait", "reproduce", "examples.my_figure:FIG"], command
        assert " --add-pattern (SSM-TF)*2" in " ".join(words), "as a shell reads it"
    bare = ask("headline", setting="bare", fields={"train.seed": (0, 1)})
    for command in commands_of(bare):
        assert command.startswith("plait reproduce headline")
        assert "--setting bare" in command
    as_run = ask("headline", fields={"train.seed": (0, 1)})
    assert not any("--setting" in command for command in commands_of(as_run))
