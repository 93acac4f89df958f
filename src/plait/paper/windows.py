"""The claims of Figures 14 and 15: larger windows make models worse."""

from plait.findings.claims import Claim
from plait.findings.judges import larger_windows_hurt, model
from plait.paper.grids import ATTENTION, HYBRID, OTHER

NARROW = 20


def worse_with_larger_windows(does: str, *, widths: tuple[int, ...]) -> tuple[Claim, ...]:
    """One claim for each pattern with attention and each width.

    Args:
        does: what the models do, such as `copies`.
    """
    return tuple(
        Claim(
            statement=f"{pattern} {does} worse with larger windows (width {d_model})",
            paper=paper,
            only=(f"model.pattern={pattern}", f"model.d_model={d_model}", f"model.window={NARROW},100"),
            judge=larger_windows_hurt(model(pattern, d_model), narrow=NARROW),
        )
        for pattern, paper in ((ATTENTION, "yes"), (HYBRID, "often"), (OTHER, "often"))
        for d_model in widths
    )
