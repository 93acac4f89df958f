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
from plait.findings.readings import AS_TRAINED, Reading
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
        readings: the settings that the claims are read in, the experiment's own unless given. What is asked for
            without a setting is trained in the first one.

    Raises:
        ValueError: two claims of the same words.
    """

    experiment: Experiment
    says: str = ""
    paper: tuple[Reference, ...] = ()
    rerun: tuple[Reference, ...] = ()
    ratios: tuple[ReferenceRatio, ...] = ()
    claims: tuple[Claim, ...] = ()
    readings: tuple[Reading, ...] = (AS_TRAINED,)

    def __post_init__(self) -> None:
        statements = [claim.statement for claim in self.claims]
        if twice := [words for words in statements if statements.count(words) > 1]:
            raise ValueError(f"figure {self.name!r} claims the same twice: {twice[0]!r}")

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def default(self) -> Experiment:
        """The experiment as it is trained where no setting is asked for."""
        return self.readings[0].experiments(self.experiment)[0]

    def of(self, experiment: Experiment) -> "Figure":
        """The same of another form of the experiment, such as one with a further pattern."""
        return replace(self, experiment=experiment)
