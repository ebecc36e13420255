"""How well pictures show what they were asked to show: plain numbers from readings and features.

Nothing here knows a network; `reader.py` makes the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from storybook.world import Scene, Thing


@dataclass(frozen=True)
class Reading:
    """What a picture shows, as a reader sees it. ``things`` hold at most one of each kind, surest first."""

    time: str
    ground: str
    weather: str
    mountains: bool
    things: tuple[Thing, ...]


def accuracies(scenes: Sequence[Scene], readings: Sequence[Reading]) -> dict[str, float]:
    """The share that is right, 0..1, by attribute, and their mean as ``all``.

    time, ground, weather, mountains: the share of pictures. kind: things asked for and seen, out of things asked for
    or seen, so that a thing nobody asked for counts as much against a picture as one that is missing. colour: things
    seen in their colour, out of things asked for; a missing thing has no colour.
    """
    pairs = list(zip(scenes, readings, strict=True))
    right = {
        name: float(np.mean([getattr(asked, name) == getattr(seen, name) for asked, seen in pairs]))
        for name in ("time", "ground", "weather", "mountains")
    }
    asked_for = met = coloured = either = 0
    for asked, seen in pairs:
        colours = {thing.kind: thing.colour for thing in seen.things}
        asked_for += len(asked.things)
        met += sum(thing.kind in colours for thing in asked.things)
        coloured += sum(colours.get(thing.kind) == thing.colour for thing in asked.things)
        either += len({thing.kind for thing in asked.things} | set(colours))
    right["kind"] = met / max(1, either)
    right["colour"] = coloured / max(1, asked_for)
    return {**right, "all": float(np.mean(list(right.values())))}


def frechet_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Between the normal distributions fitted to two sets of features, [N, width] and [M, width] (Heusel et al. 2017,
    equation 6): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))."""
    mean_gap = one.mean(0) - other.mean(0)
    spread, other_spread = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = linalg.sqrtm(spread @ other_spread).real
    return float(mean_gap @ mean_gap + np.trace(spread + other_spread - 2 * root))
