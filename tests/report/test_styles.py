"""Colours and marks: every pattern of a study looks like no other, alone, before attention and behind it."""

from plait.paper.mixers import MIXERS
from plait.report.styles import pattern_style


def test_each_mixer_looks_like_no_other_in_any_arrangement() -> None:
    patterns = ["TF-TF", *(p for m in MIXERS for p in (f"{m}-TF", f"{m}-{m}", f"TF-{m}"))]
    looks = {(s.color, s.marker, s.fill) for s in map(pattern_style, patterns)}
    assert len(looks) == len(patterns) == 34


def test_a_mixer_keeps_its_colour_and_a_mixed_pattern_has_one_of_its_own() -> None:
    alone, before, behind = (pattern_style(p) for p in ("GDN-GDN", "GDN-TF", "TF-GDN"))
    assert len({(s.color, s.marker) for s in (alone, before, behind)}) == 1
    assert pattern_style("GDN-KDA") not in (alone, before, behind, pattern_style("KDA-KDA"))
