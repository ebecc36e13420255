"""What a scene holds: one seed, one scene, no pixels and no words.

The same seed gives the same scene for ever: `tests/training/test_world.py` holds a digest of a few of them,
because a change here makes every figure measured on older weights meaningless.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TIMES = ("day", "dawn", "sunset", "night")
GROUNDS = ("meadow", "desert", "snow", "sea")
WEATHERS = ("clear", "cloudy", "rain", "snowfall")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")

STANDING, FLOATING, FLYING = "standing", "floating", "flying"


@dataclass(frozen=True)
class Kind:
    """How a kind of thing is placed: ``aspect`` is width / height, ``reach`` its height in a scene of its own."""

    name: str
    where: str
    aspect: float
    reach: float


KINDS = {
    kind.name: kind
    for kind in (
        Kind("house", STANDING, 1.05, 0.46),
        Kind("tree", STANDING, 0.82, 0.54),
        Kind("pine", STANDING, 0.60, 0.56),
        Kind("car", STANDING, 1.95, 0.25),
        Kind("boat", FLOATING, 0.90, 0.46),
        Kind("balloon", FLYING, 0.72, 0.44),
        Kind("lighthouse", STANDING, 0.42, 0.60),
        Kind("windmill", STANDING, 0.90, 0.56),
        Kind("cat", STANDING, 0.80, 0.40),
        Kind("flower", STANDING, 0.62, 0.42),
        Kind("mushroom", STANDING, 0.95, 0.38),
        Kind("tent", STANDING, 1.40, 0.34),
        Kind("castle", STANDING, 1.10, 0.50),
        Kind("kite", FLYING, 0.66, 0.44),
    )
}

COUNT_WEIGHTS = (0.05, 0.47, 0.33, 0.15)  # no thing, one, two, three
SHRINK = (1.0, 1.0, 0.82, 0.68)  # the more things, the smaller each is
USUAL_COLOURS = {"tree": "green", "pine": "green"}  # more often than chance, as people expect it


@dataclass(frozen=True)
class Thing:
    """One object: ``kind`` in KINDS, ``colour`` in COLOURS, ``box`` = x0 y0 x1 y1 as fractions of the picture."""

    kind: str
    colour: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """``things`` stand from left to right, the order in which captions name them."""

    seed: int
    time: str
    ground: str
    weather: str
    mountains: bool
    horizon: float
    things: tuple[Thing, ...]


def scene(seed: int) -> Scene:
    """The scene of ``seed``, any non-negative integer."""
    rng = np.random.default_rng([seed, 7])
    count = int(rng.choice(len(COUNT_WEIGHTS), p=COUNT_WEIGHTS))
    kinds = [KINDS[str(name)] for name in rng.choice(list(KINDS), size=count, replace=False)]
    afloat = any(kind.where == FLOATING for kind in kinds)
    ground = "sea" if afloat else str(rng.choice(GROUNDS))
    # Nothing falls from the sky in this desert, so that its light stays its own.
    weather = str(rng.choice(WEATHERS[:2] if ground == "desert" else WEATHERS))
    horizon = float(rng.uniform(0.54, 0.64))
    return Scene(
        seed=seed,
        time=str(rng.choice(TIMES)),
        ground=ground,
        weather=weather,
        mountains=bool(rng.random() < 0.45),
        horizon=horizon,
        things=tuple(_place(kind, slot, count, ground, horizon, rng) for slot, kind in enumerate(kinds)),
    )


def _place(kind: Kind, slot: int, count: int, ground: str, horizon: float, rng: np.random.Generator) -> Thing:
    """Give the thing its colour and its box in slot ``slot`` of ``count``, left to right."""
    colour = str(rng.choice(COLOURS))
    if kind.name in USUAL_COLOURS and rng.random() < 0.5:
        colour = USUAL_COLOURS[kind.name]
    height = kind.reach * SHRINK[count] * rng.uniform(0.88, 1.10)
    width = min(height * kind.aspect, 0.92 / count)
    height = width / kind.aspect
    spread = max(0.0, 1 / count - width)
    centre = (slot + 0.5) / count + rng.uniform(-0.42, 0.42) * spread
    centre = float(np.clip(centre, width / 2 + 0.02, 0.98 - width / 2))
    if kind.where == FLYING:
        top = rng.uniform(0.05, max(0.06, horizon - height + 0.02))
        bottom = top + height
    elif kind.where == FLOATING:
        bottom = rng.uniform(max(horizon + 0.08, height + 0.03), 0.80)
    else:
        shore = 0.84 if ground == "sea" else max(horizon + 0.12, height + 0.04)
        bottom = rng.uniform(min(shore, 0.92), 0.94)
    box = (centre - width / 2, bottom - height, centre + width / 2, bottom)
    x0, y0, x1, y1 = (round(float(edge), 4) for edge in box)
    return Thing(kind.name, colour, (x0, y0, x1, y1))
