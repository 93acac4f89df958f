"""Which subspace holds which signal: one each, or one after the other where a signal is no longer read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plait.compiler.encoding import Points, spanned
from plait.compiler.schedule import ScheduledLayer
from plait.compiler.statement import Statement
from plait.compiler.stream import Base, named_apart


@dataclass(frozen=True, kw_only=True, eq=False)
class Taken:
    """A subspace that one base leaves to another.

    Args:
        layer: the layer (1, 2, ..) that takes out the old and writes the new.
        name: of the subspace.
    """

    layer: int
    name: str
    old: Statement
    new: Statement


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """Subspaces in the order of the basis, those of each base in the order of its columns, and who takes whose."""

    subspaces: tuple[tuple[str, int], ...]
    names: Mapping[Statement, tuple[str, ...]]
    taken: tuple[Taken, ...]


@dataclass(eq=False)
class _Segment:
    width: int
    owner: Statement
    first: int
    """Place of its first column among the owner's."""
    called: list[str]
    written: int
    history: list[tuple[int, Statement, Statement]] = field(default_factory=list)


def allocate(
    order: Sequence[Statement],
    bases: Mapping[Statement, Base],
    layers: Sequence[ScheduledLayer],
    *,
    reuse: bool,
) -> Allocation:
    """Subspaces for all bases, the token's first.

    Args:
        order: the token, then what the layers make.
        reuse: a base may take what is no longer read behind its layer.
    """
    made_by = {one: index + 1 for index, layer in enumerate(layers) for one in layer.makes}
    segments: list[_Segment] = []
    of_base: dict[Statement, list[_Segment]] = {one: [] for one in order}
    for one in order:
        layer, first = made_by.get(one, 0), 0
        for called, columns in bases[one].groups:
            left = columns.shape[-1]
            while left:
                segment = _free(segments, bases, layer, left) if reuse and layer else None
                if segment is None:
                    segment = _Segment(width=left, owner=one, first=first, called=[called], written=layer)
                    segments.append(segment)
                else:
                    segment.history.append((layer, segment.owner, one))
                    segment.owner, segment.first, segment.written = one, first, layer
                    segment.called.append(called)
                of_base[one].append(segment)
                first, left = first + segment.width, left - segment.width
    names = named_apart([" / ".join(dict.fromkeys(segment.called)) for segment in segments])
    name_of = dict(zip(map(id, segments), names, strict=True))
    return Allocation(
        subspaces=tuple((name_of[id(segment)], segment.width) for segment in segments),
        names={one: tuple(name_of[id(segment)] for segment in found) for one, found in of_base.items()},
        taken=tuple(
            Taken(layer=layer, name=name_of[id(segment)], old=old, new=new)
            for segment in segments
            for layer, old, new in segment.history
        ),
    )


def _free(
    segments: Sequence[_Segment], bases: Mapping[Statement, Base], layer: int, width: int
) -> _Segment | None:
    """The widest segment of at most this width that no layer behind this one reads."""
    free = [
        segment
        for segment in segments
        if segment.width <= width and segment.written < layer and _last_read(segment, bases) <= layer
    ]
    return max(free, key=lambda segment: segment.width, default=None)


def _last_read(segment: _Segment, bases: Mapping[Statement, Base]) -> int:
    """The last layer that reads one of the segment's columns; the answer is written over whatever stands there."""
    base = bases[segment.owner]
    columns = slice(segment.first, segment.first + segment.width)
    points = base.points(0)
    return max((need.layer for need in base.needs if _reads(points, need.columns, columns)), default=0)


def _reads(points: Points, choices: Sequence[Points], columns: slice) -> bool:
    for choice in choices:
        weights = spanned(points, choice)
        if weights is not None:
            return bool(weights[columns].any())
    return False
