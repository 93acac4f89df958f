"""What memory allows and theory forbids: capacities, and patterns for a budget."""

from plait.advisor.capacity import Capacity, capacity, list_capacity, recall_capacity
from plait.advisor.plan import Exclusion, MemoryPlan, Planned, plan

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
