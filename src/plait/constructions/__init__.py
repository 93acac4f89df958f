"""Hybrids whose weights are set by hand, each with its proof (docs/theory-constructions.md, section 6 and 7)."""

from plait.constructions.copying import CopyingLayout
from plait.constructions.copying_plans import copying_plan, selective_copying
from plait.constructions.cost import cost
from plait.constructions.explain import Explanation, explain
from plait.constructions.files import describe, load, load_plan, plan_from_json, save
from plait.constructions.lemmas import STATEMENTS, LemmaCheck, check_lemma, check_lemmas
from plait.constructions.plan import Margins, Plan, plan_of
from plait.constructions.recall import (
    decoding_recall,
    loud_recall_plan,
    match_rate,
    recall_plan,
    smallest_window,
    success_rate,
)
from plait.constructions.smallest import growth, layouts, smallest, smallest_plan, tradeoff
from plait.constructions.trace import Trace, attention, logit_gaps, trace

__all__ = [
    "STATEMENTS",
    "CopyingLayout",
    "Explanation",
    "LemmaCheck",
    "Margins",
    "Plan",
    "Trace",
    "attention",
    "check_lemma",
    "check_lemmas",
    "copying_plan",
    "cost",
    "decoding_recall",
    "describe",
    "explain",
    "growth",
    "layouts",
    "load",
    "load_plan",
    "logit_gaps",
    "loud_recall_plan",
    "match_rate",
    "plan_from_json",
    "plan_of",
    "recall_plan",
    "save",
    "selective_copying",
    "smallest",
    "smallest_plan",
    "smallest_window",
    "success_rate",
    "trace",
    "tradeoff",
]
