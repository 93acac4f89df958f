"""Whether the checker could accept anything that a search finds."""

from plait.theory.certificate import described
from plait.theory.checker.rules import RULES


def check_rule(task: object) -> None:
    """Raises:
    ValueError: a task of plait for which the checker has no rule.
    """
    name = str(described(task)["task"])
    if ":" not in name and name not in RULES:
        raise ValueError(
            f"what a search finds must be checked, and the checker has no rule for {name}, only for "
            f"{', '.join(RULES)}; rules stand in plait/theory/checker/rules.py"
        )
