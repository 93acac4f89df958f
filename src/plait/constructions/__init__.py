"""Hybrids whose weights are set by hand, each with its proof (docs/theory.md, sections 6 and 7)."""

from plait.constructions.copying import CopyingLayout
from plait.constructions.cost import Cost, cost
from plait.constructions.plan import Margins, Plan, plan_of
from plait.constructions.recall import decoding_recall, recall_plan
from plait.constructions.selective import copying_plan, selective_copying
from plait.constructions.smallest import layouts, smallest, smallest_plan, tradeoff
from plait.constructions.window import match_rate, smallest_window, success_rate

__all__ = [
    "CopyingLayout",
    "Cost",
    "Margins",
    "Plan",
    "copying_plan",
    "cost",
    "decoding_recall",
    "layouts",
    "match_rate",
    "plan_of",
    "recall_plan",
    "selective_copying",
    "smallest",
    "smallest_plan",
    "smallest_window",
    "success_rate",
    "tradeoff",
]
