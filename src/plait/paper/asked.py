"""What of a figure was asked for: the whole with further patterns, in a setting, or a part of it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plait.experiments.settings import find_setting
from plait.experiments.spec import Experiment
from plait.findings.figure import Figure
from plait.paper.catalogue import find_figure


@dataclass(frozen=True, kw_only=True)
class Request:
    """A figure and the part of its experiment that is to be run.

    Args:
        figure: with every further pattern, in the setting that was asked for.
        part: of the figure's experiment.
        command: what asks for it again, but for the folder.
    """

    figure: Figure
    part: Experiment
    command: str


def ask(
    name: str,
    *,
    full: bool = False,
    setting: str | None = None,
    patterns: Sequence[str] = (),
    only: Sequence[str] = (),
    fields: Mapping[str, Sequence[Any]] | None = None,
) -> Request:
    """The figure of this name, `module:FIG` for one of a user's own.

    Args:
        full: the whole, where the plain form is the quick one.
        setting: one of `plait.experiments.settings`; None for that of the figure's first reading.
        patterns: further ones.
        only, fields: the slice, as it was written and as it was read.

    Raises:
        ValueError: an unknown figure or setting, a pattern that cannot be added, or a slice that names what is not
            there or leaves nothing.
    """
    figure = find_figure(name)
    whole = figure.default if setting is None else figure.experiment.in_setting(find_setting(setting))
    for pattern in patterns:
        whole = whole.with_pattern(pattern)
    part = whole if full else whole.quick_form()
    if fields:
        part = part.where(fields)
    part.expand()
    words = ["plait", "reproduce", name, *(["--full"] if full else [])]
    words += ["--setting", setting] if setting is not None else []
    for option, values in (("--add-pattern", patterns), ("--only", only)):
        for value in values:
            words += [option, value]
    return Request(figure=figure.of(whole), part=part, command=shlex.join(words))
