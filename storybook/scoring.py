"""How well pictures show what they were asked to show: plain numbers from readings and features.

Nothing here knows a network; `reader.py` makes the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from storybook.world import Group, Scene, Thing
from storybook.world.relations import holds
from storybook.world.scene import KINDS


@dataclass(frozen=True)
class Reading:
    """What a picture shows, as a reader sees it. ``things`` may hold several of a kind, surest first."""

    time: str
    ground: str
    weather: str
    mountains: bool
    things: tuple[Thing, ...]

    def of(self, kind: str) -> tuple[Thing, ...]:
        return tuple(thing for thing in self.things if thing.kind == kind)


def accuracies(scenes: Sequence[Scene], readings: Sequence[Reading]) -> dict[str, float]:
    """The share that is right, 0..1, by attribute, and their mean as ``all``.

    time, ground, weather, mountains: the share of pictures. kind: kinds asked for and seen, out of kinds asked for
    or seen, so that a kind nobody asked for counts as much against a picture as one that is missing. colour: groups of
    which something is seen, all of it in their colour, out of groups of kinds that have one.
    number: groups of which as many things are seen as were asked for, out of groups.
    """
    pairs = list(zip(scenes, readings, strict=True))
    right = {
        name: float(np.mean([getattr(asked, name) == getattr(seen, name) for asked, seen in pairs]))
        for name in ("time", "ground", "weather", "mountains")
    }
    met = either = 0
    coloured, counted = list[bool](), list[bool]()
    for asked, seen in pairs:
        wanted, shown = ({thing.kind for thing in each.things} for each in (asked, seen))
        met, either = met + len(wanted & shown), either + len(wanted | shown)
        for group in asked.groups:
            found = seen.of(group.kind)
            counted.append(len(found) == len(group.things))
            if KINDS[group.kind].coloured:
                coloured.append(bool(found) and all(thing.colour == group.colour for thing in found))
    right["kind"] = met / max(1, either)
    right["colour"] = sum(coloured) / max(1, len(coloured))
    right["number"] = sum(counted) / max(1, len(counted))
    return {**right, "all": float(np.mean(list(right.values())))}


def relations_right(
    scenes: Sequence[Scene], stated: Sequence[tuple[int, str, int]], readings: Sequence[Reading]
) -> float:
    """The share of scenes in whose pictures the relation that was told, (a group's index, name, another's), holds
    between all things seen of the two kinds; where one of them is missing, it does not."""
    right = []
    for asked, (one, name, other), seen in zip(scenes, stated, readings, strict=True):
        ours, theirs = (seen.of(asked.groups[index].kind) for index in (one, other))
        right.append(bool(ours and theirs) and holds(name, Group(ours), Group(theirs)))
    return float(np.mean(right))


def frechet_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Between the normal distributions fitted to two sets of features, [N, width] and [M, width] (Heusel et al. 2017,
    equation 6): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))."""
    mean_gap = one.mean(0) - other.mean(0)
    spread, other_spread = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = linalg.sqrtm(spread @ other_spread).real
    return float(mean_gap @ mean_gap + np.trace(spread + other_spread - 2 * root))
