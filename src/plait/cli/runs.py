"""A run from the fields that the command line gives."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plait.training import Run


def make_run(
    task: str, params: Mapping[str, Any], *, model: Mapping[str, Any], train: Mapping[str, Any]
) -> "Run":
    """Raises:
    ValueError: whatever task, model or protocol refuse; an unknown field is answered by the known ones.
    """
    from plait.model import HybridConfig
    from plait.tasks import parse_task
    from plait.training import Run, Train

    return Run(
        task=parse_task(task, params), model=HybridConfig.from_json(model), train=Train.from_json(train)
    )
