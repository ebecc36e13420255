"""What a scene holds: one seed, one scene, no pixels and no words.

The same seed gives the same scene for ever: `tests/storybook/test_world.py` holds a digest of a few of them,
because a change here makes every figure measured on older weights meaningless.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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


ARRANGED_WEIGHTS = (0.22, 0.26, 0.22, 0.14, 0.10, 0.06)  # one to six things
ANYWHERE = 0.15  # how often a thing stands where it never would, as a person may well draw it
MOST_COVERED = 0.25  # of a thing, by one that was placed before
TRIES = 20


def arranged(seed: int) -> Scene:
    """The scene of ``seed`` with one to six things of any size, form and place instead of its own, kinds repeated at
    will: what a person draws boxes for. Things of a scene in which no place is left are fewer."""
    rng = np.random.default_rng([seed, 13])
    around = scene(seed)
    things: list[Thing] = []
    for name in rng.choice(list(KINDS), size=1 + int(rng.choice(len(ARRANGED_WEIGHTS), p=ARRANGED_WEIGHTS))):
        kind, colour = KINDS[str(name)], str(rng.choice(COLOURS))
        boxes = (_anywhere(kind, around.horizon, rng) for _ in range(TRIES))
        box = next((box for box in boxes if all(_covered(box, other.box) <= MOST_COVERED for other in things)), None)
        if box is not None:
            things.append(Thing(kind.name, colour, box))
    ground = "sea" if any(KINDS[thing.kind].where == FLOATING for thing in things) else around.ground
    from_left = sorted(things, key=lambda thing: thing.box[0] + thing.box[2])
    return replace(around, ground=ground, things=tuple(from_left))


def _anywhere(kind: Kind, horizon: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A box of any size and form for ``kind``, mostly where such a thing may be."""
    height = float(np.clip(kind.reach * rng.uniform(0.4, 1.15), 0.10, 0.70))
    width = float(np.clip(height * kind.aspect * np.exp(rng.uniform(-0.3, 0.3)), 0.10, 0.75))
    left = rng.uniform(0.01, 0.99 - width)
    if rng.random() < ANYWHERE:
        bottom = rng.uniform(height + 0.01, 0.99)
    elif kind.where == FLYING:
        bottom = rng.uniform(height + 0.02, max(height + 0.03, horizon))
    else:
        bottom = rng.uniform(max(horizon + 0.05, height + 0.01), 0.97)
    x0, y0, x1, y1 = (round(float(edge), 4) for edge in (left, bottom - height, left + width, bottom))
    return x0, y0, x1, y1


def _covered(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """How much of the smaller of two boxes lies under the other, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0.0, width) * max(0.0, height) / smaller
