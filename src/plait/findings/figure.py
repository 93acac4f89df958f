"""A figure as a value: an experiment, what others measured of it, and the claims that its rows decide.

    FIG = Figure(
        experiment=Experiment(name="mine", ..),
        claims=(Claim(statement="MINE is above TF-TF", judge=ahead({PATTERN: "MINE"}, ({PATTERN: "TF-TF"},))),),
    )

Such a value in any module is reproduced as `plait reproduce module:FIG`.
"""

from dataclasses import dataclass, replace

from plait.experiments import Experiment
from plait.findings.claims import Claim
from plait.findings.readings import READINGS, Reading
from plait.findings.reported import Reference, ReferenceRatio


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One question in one place.

    Args:
        says: what the paper says of it, in our words, a sentence; empty where it says nothing.
        paper: accuracies that the paper gives, hollow marks in plots.
        rerun: those of an independent rerun, crosses in plots.
        ratios: pure over hybrid parameters that others give.
        claims: what is claimed, each with what decides it.
        readings: the settings that the claims are read in; `(AS_TRAINED,)` for an experiment that sets these itself.

    Raises:
        ValueError: two claims of the same words.
    """

    experiment: Experiment
    says: str = ""
    paper: tuple[Reference, ...] = ()
    rerun: tuple[Reference, ...] = ()
    ratios: tuple[ReferenceRatio, ...] = ()
    claims: tuple[Claim, ...] = ()
    readings: tuple[Reading, ...] = READINGS

    def __post_init__(self) -> None:
        statements = [claim.statement for claim in self.claims]
        if twice := [words for words in statements if statements.count(words) > 1]:
            raise ValueError(f"figure {self.name!r} claims the same twice: {twice[0]!r}")

    @property
    def name(self) -> str:
        return self.experiment.name

    def of(self, experiment: Experiment) -> "Figure":
        """The same of another form of the experiment, such as one with a further pattern."""
        return replace(self, experiment=experiment)
