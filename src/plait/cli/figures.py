"""What `plait reproduce` does with the figures that were asked for: train, report, foretell, draw, list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plait.checks import check_integer, counted
from plait.cli.entry import stop_after
from plait.cli.output import messages, out, print_json, print_line, print_table

if TYPE_CHECKING:
    from plait.experiments import Experiment
    from plait.paper.catalogue import Request
    from plait.report import Report

REPORT = "report.html"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A figure that was asked for, the folder of its results, and that of its page.

    Args:
        choosing: the seeds that have every learning rate; None for all.
    """

    asked: "Request"
    results: Path
    pages: Path
    choosing: int | None = None

    @classmethod
    def of(
        cls, asked: "Request", output: Path | None, *, alone: bool, choosing: int | None = None
    ) -> "Place":
        """Several figures have one `output` together.

        Raises:
            ValueError: no seed that chooses.
        """
        if choosing is not None:
            check_integer("--choosing-seeds", choosing, least=1)
        results = output or Path("runs") / asked.figure.name
        pages = results if alone or output is None else results / asked.figure.name
        return cls(asked=asked, results=results, pages=pages, choosing=choosing)

    @property
    def command(self) -> str:
        """What asks for it again."""
        choosing = "" if self.choosing is None else f" --choosing-seeds {self.choosing}"
        return f"{self.asked.command}{choosing} -o {self.results}"

    def first(self) -> "Experiment":
        """What is trained before a learning rate is chosen."""
        from plait.experiments import choosing_part

        return self.asked.part if self.choosing is None else choosing_part(self.asked.part, self.choosing)

    def whole(self, *, guess: bool = False) -> "Experiment":
        """All that is trained, once `first` is stored; `guess` as of `chosen_part`."""
        from plait.experiments import Store, chosen_part

        if self.choosing is None:
            return self.asked.part
        rows = Store(self.results).read()
        return chosen_part(self.asked.part, rows, self.choosing, guess=guess)


def check_apart(names: Sequence[str], places: Sequence[Place]) -> None:
    """Raises:
    ValueError: two figures whose pages would be written over each other.
    """
    first: dict[Path, str] = {}
    for name, place in zip(names, places, strict=True):
        if (other := first.setdefault(place.pages, name)) != name:
            raise ValueError(
                f"{other} and {name} are both figures named {place.asked.figure.name!r}, whose pages would have "
                "one folder: reproduce them one after the other, each with its own -o DIR"
            )


@dataclass(frozen=True, kw_only=True)
class Training:
    """Where and how long figures are trained."""

    ray: str | None
    gpus: int | None
    per_gpu: int | None
    minutes: float | None
    unchecked: bool
    wait: float | None
    device: str

    def check(self) -> None:
        """Raises:
        ValueError: workers that are not there, or that do not go together.
        """
        if self.wait is not None and (self.ray is not None or self.gpus is not None):
            raise ValueError(
                "--wait is for one process that meets another at the same members: leave it out with --gpus and --ray"
            )
        if self.ray is not None and self.gpus is not None:
            raise ValueError("--gpus spreads over this machine and --ray over a cluster: take one of them")
        if self.ray is not None:
            from plait.experiments.spread import check_ray

            check_ray()
        if self.gpus is not None:
            from plait.experiments.cards import card_environments

            card_environments(self.gpus, self.device, per_card=1 if self.per_gpu is None else self.per_gpu)
        elif self.per_gpu is not None:
            raise ValueError("--per-gpu says how many processes each GPU has: give --gpus, how many GPUs")
        if self.minutes is not None and not 0 < self.minutes <= MOST_MINUTES:
            raise ValueError(
                f"--for takes minutes, above 0 and at most {MOST_MINUTES:,}, got {self.minutes:g}"
            )

    def run(self, places: Sequence[Place], *, later: Sequence[Place] = ()) -> None:
        """Train what is not stored, on GPUs all figures together, else one after the other.

        Args:
            later: figures that are trained after these: what they measure of members that are shared is measured now.
        """
        self._run([(place.first(), place.results) for place in places], later)
        if chosen := [place for place in places if place.choosing is not None]:
            self._run([(place.whole(), place.results) for place in chosen], later)

    def _run(self, parts: "Sequence[tuple[Experiment, Path]]", later: Sequence[Place]) -> None:
        from plait.experiments import LiveProgress, run_experiment
        from plait.experiments.runner import plait_train

        with LiveProgress([part for part, _ in parts], messages()) as watch:
            here = self.gpus is None and self.ray is None  # a terminal cannot be given to other processes
            trainer = plait_train(unchecked=self.unchecked, callback=watch.saw if here else None)
            common: dict[str, Any] = {"train": trainer, "device": self.device, "watch": watch}
            if self.gpus is not None:
                from plait.experiments.cards import run_on_cards

                run_on_cards(parts, cards=self.gpus, per_card=self.per_gpu or 1, **common)
                return
            # Rates that are chosen by what is stored so far have their further seeds measured, too.
            folders = {folder for _, folder in parts}
            beside = [place for place in later if place.results in folders]
            wanted = [(part, place.results) for place in beside for part in (place.first(), place.whole())]
            for number, (part, folder) in enumerate(parts):
                common["beside"] = (*parts[number + 1 :], *wanted)
                if self.ray is not None:
                    from plait.experiments.spread import run_on_ray

                    run_on_ray(part, folder, address=self.ray, **common)
                else:
                    run_experiment(part, folder, wait=self.wait, **common)


MOST_MINUTES = 525_600
"""A year."""


def train_and_report(places: Sequence[Place], training: Training, *, json: bool) -> None:
    """Each figure as soon as it is trained; where all are trained together, behind that."""
    from plait.experiments import Store
    from plait.report import Report, print_report
    from plait.report.headline import headline_sections

    documents: list[Mapping[str, Any]] = []
    together = (places,) if training.gpus is not None else tuple((place,) for place in places)
    with stop_after(training.minutes):
        for number, some in enumerate(together):
            for place in some:
                whole = place.asked.figure.experiment
                Store.for_writing(place.results)
                known = headline_sections(whole)
                if known and not json:
                    before = Report(title="plait: before training", question=whole.question, sections=known)
                    print_report(before, out())
                    print_line()
            training.run(some, later=[place for others in together[number + 1 :] for place in others])
            documents += [_reported(place, json=json) for place in some]
    if json:
        print_json(documents[0] if len(places) == 1 else documents)


def _reported(place: Place, *, json: bool) -> Mapping[str, Any]:
    """Write the figure's page, print it unless JSON is wanted, and give its document."""
    from plait.report import print_report, write_html
    from plait.report.printed import write_figures

    full, brief = _reports(place)
    page, figures = write_html(full, place.pages / REPORT), write_figures(full, place.pages)
    if not json:
        print_report(brief, out())
        print_line(f"\nresults {place.results}")
        for path in (page, *figures):
            print_line(f"written {path}")
    files = {"results": str(place.results), "page": str(page), "figures": [str(path) for path in figures]}
    return full.to_json() | files


def _reports(place: Place) -> "tuple[Report, Report]":
    """For the page, and for the terminal, which was told before training what is proved."""
    from plait.experiments import Store
    from plait.report import experiment_report
    from plait.report.ceilings import ceiling_sections
    from plait.report.frontier import frontier_sections
    from plait.report.headline import beside_sections, headline_sections

    whole, store = place.asked.figure.experiment, Store(place.results)
    rows, evaluations = store.read(), store.read_evaluations()
    report = experiment_report(
        place.asked.figure,
        rows,
        evaluations=evaluations,
        commands=(place.command,),
        folder=str(place.results),
    )
    after = [section.title for section in report.sections][1:]
    end = after[0] if after else None
    beside = (
        *beside_sections(whole, rows),
        *frontier_sections(whole, rows),
        *ceiling_sections(whole, rows, evaluations),
    )
    report = report.with_sections(*beside, before=end)
    return report.with_sections(*headline_sections(whole), before=end), report


def print_forecasts(places: Sequence[Place], *, device: str, json: bool) -> None:
    """What would be trained; seconds are those of this machine."""
    documents = [_forecast(place, device=device, json=json) for place in places]
    if json:
        print_json(documents[0] if len(places) == 1 else documents)


def _forecast(place: Place, *, device: str, json: bool) -> Mapping[str, Any]:
    from plait.experiments.forecast import forecast
    from plait.training.watching import duration

    found = forecast(place.whole(guess=True), place.results, device=device)
    counts = {"members": found.members, "stored": found.stored, "seconds": found.seconds}
    if not json:
        rows = [(cell.model, cell.members, cell.stored, duration(cell.seconds)) for cell in found.cells]
        print_table("", ("model", "members", "stored", "time"), rows)
        left = found.members - found.stored
        time = f"about {duration(found.seconds)} on {found.device}" if left else "nothing to do"
        print_line(
            f"{counted(found.members, 'member')}, {found.stored:,} stored in {place.results}, {left:,} to train: {time}"
        )
    return {**counts, "device": found.device, "cells": found.cells}


def draw(name: str, folder: Path, *, json: bool) -> None:
    """The page of a construction: nothing is trained."""
    from plait.report import print_report, write_html
    from plait.report.constructed import construction_report
    from plait.report.printed import write_figures

    found = construction_report(name)
    page, figures = write_html(found, folder / REPORT), write_figures(found, folder)
    if json:
        print_json(found.to_json() | {"page": str(page), "figures": [str(path) for path in figures]})
        return
    print_report(found, out())
    print_line()
    for path in (page, *figures):
        print_line(f"written {path}")


def print_catalogue(*, json: bool) -> None:
    from plait.paper import catalogue
    from plait.report.constructed import DRAWINGS

    rows = [
        {
            "name": experiment.name,
            "members": len(experiment.quick_form().expand()),
            "with --full": len(experiment.expand()),
            "question": experiment.question,
        }
        for experiment in (figure.default for figure in catalogue.FIGURES.values())
    ]
    rows += [
        {
            "name": name,
            "members": 0,
            "with --full": 0,
            "question": f"How does the construction of {task} work?",
        }
        for name, task in DRAWINGS.items()
    ]
    if json:
        print_json(rows)
    else:
        print_table("", list(rows[0]), [list(row.values()) for row in rows])
