"""What memory allows and theory forbids: capacities, and patterns for a budget."""

from typing import TYPE_CHECKING

from plait.deferred import on_first_use

if TYPE_CHECKING:
    from plait.advisor.capacities import Capacity, capacity, list_capacity, recall_capacity
    from plait.advisor.plans import Exclusion, MemoryPlan, Planned, plan

__all__ = [
    "Capacity",
    "Exclusion",
    "MemoryPlan",
    "Planned",
    "capacity",
    "list_capacity",
    "plan",
    "recall_capacity",
]

__getattr__ = on_first_use(__name__)
