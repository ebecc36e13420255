"""What a scene holds: one seed, one scene, no pixels and no words.

The same seed gives the same scene for ever: `tests/storybook/test_world.py` holds a digest of a few of them,
because a change here makes every figure measured on older weights meaningless.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

TIMES = ("day", "dawn", "sunset", "night")
GROUNDS = ("meadow", "desert", "snow", "sea", "forest", "village", "street")
WEATHERS = ("clear", "cloudy", "rain", "snowfall", "storm", "fog")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown")
SIZES = ("small", "usual", "large")
MOST_OF_A_KIND = 4

STANDING, FLOATING, FLYING = "standing", "floating", "flying"
Box = tuple[float, float, float, float]  # x0 y0 x1 y1 as fractions of the picture, y down


@dataclass(frozen=True)
class Kind:
    """How a kind of thing is placed: ``aspect`` is width / height, ``reach`` its height in a scene of its own.

    ``coloured``: whether it comes in every colour, and captions name it.
    """

    name: str
    where: str
    aspect: float
    reach: float
    coloured: bool = True


@dataclass(frozen=True)
class Thing:
    """One object: ``kind`` in KINDS, ``colour`` in COLOURS, its ``box``, and its ``size`` as told, in SIZES."""

    kind: str
    colour: str
    box: Box
    size: str = "usual"


@dataclass(frozen=True)
class Group:
    """One to MOST_OF_A_KIND things of one kind, colour and size, from left to right, told together: "two red boats"."""

    things: tuple[Thing, ...]

    @property
    def kind(self) -> str:
        return self.things[0].kind

    @property
    def colour(self) -> str:
        return self.things[0].colour

    @property
    def size(self) -> str:
        return self.things[0].size


@dataclass(frozen=True)
class Scene:
    """``groups`` stand from left to right by their middles, the order in which captions name them; no two are of one
    kind, except in an arranged scene."""

    seed: int
    time: str
    ground: str
    weather: str
    mountains: bool
    horizon: float
    groups: tuple[Group, ...]

    @property
    def things(self) -> tuple[Thing, ...]:
        return tuple(thing for group in self.groups for thing in group.things)


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
        Kind("dog", STANDING, 1.10, 0.38),
        Kind("bird", FLYING, 1.20, 0.34),
        Kind("fish", FLOATING, 1.50, 0.30),
        Kind("duck", STANDING, 1.10, 0.34),
        Kind("rabbit", STANDING, 0.82, 0.42),
        Kind("sheep", STANDING, 1.25, 0.36),
        Kind("butterfly", FLYING, 1.15, 0.36),
        Kind("person", STANDING, 0.50, 0.48),
        Kind("bridge", STANDING, 2.00, 0.32),
        Kind("train", STANDING, 1.75, 0.36),
        Kind("rocket", FLYING, 0.58, 0.48),
        Kind("moon", FLYING, 0.82, 0.38),
        Kind("rainbow", FLYING, 1.90, 0.36, coloured=False),
        Kind("apple", STANDING, 0.92, 0.34),
        Kind("umbrella", STANDING, 0.95, 0.42),
        Kind("snowman", STANDING, 0.66, 0.46),
    )
}

WEATHER_WEIGHTS = (0.22, 0.20, 0.16, 0.16, 0.13, 0.13)
GROUP_WEIGHTS = (0.04, 0.36, 0.33, 0.19, 0.05, 0.03)  # no group, one, two, ... five
MANY = (0.0, 0.51, 0.23, 0.09, 0.09, 0.09)  # how often a group holds more than one thing, by the number of groups
MOST_THINGS = 6
CROWD = (1.0, 1.0, 0.84, 0.72, 0.64, 0.58, 0.54)  # the more things, the smaller each is
FACTORS = {"small": 0.60, "usual": 1.0, "large": 1.35}
SIZED = 0.18  # how often a group's size is told
ALONE = {"bridge", "rainbow", "moon", "castle"}
WIDE = {"bridge", "train", "rainbow"}  # at most one of them among three groups or more
UNCOLOURED = "red"  # the colour, by convention, of what has none
USUAL_COLOURS = {  # more often than chance, as people expect it
    "tree": ("green",), "pine": ("green",), "apple": ("red", "green"), "sheep": ("white",), "moon": ("yellow",),
    "cat": ("black", "white", "orange", "brown"), "dog": ("black", "white", "orange", "brown"),
    "duck": ("yellow", "white", "brown"), "rabbit": ("white", "brown"),
}  # fmt: skip

SPECIAL = 0.37  # how often two of the groups stand one above or in front of the other
FRONT = {"cat", "dog", "flower", "person", "rabbit", "mushroom", "duck", "sheep", "apple", "snowman", "car", "umbrella"}
BEHIND = {"house", "castle", "tree", "pine", "windmill", "lighthouse", "tent", "bridge"}
LEFT, ROOM, GAP = 0.02, 0.96, 0.025  # where the row of groups begins, how wide it is, and what lies between two
LEAST = 0.13  # a thing's height, below which it is no longer read
TWO_ROWS = 4.0  # a group whose things are wider together, in heights, stands in two rows
BETWEEN, BEHIND_ROW, SHIFT = 0.10, 1.06, 0.30  # within a group: gap between things, between rows, rows' offset


@dataclass(frozen=True)
class _Wish:
    """A group before it has a place: how many, of what, and how high each would like to be."""

    kind: Kind
    number: int
    colour: str
    size: str
    height: float
    rows: int

    @property
    def columns(self) -> int:
        return -(-self.number // self.rows)

    @property
    def aspect(self) -> float:
        """The width of the whole group, in heights of one of its things."""
        shift = SHIFT if self.rows == 2 and self.number % 2 == 0 else 0.0
        return self.kind.aspect * (self.columns + BETWEEN * (self.columns - 1) + shift)

    @property
    def depth(self) -> float:
        """The height of the whole group, in heights of one of its things."""
        return 1.0 + BEHIND_ROW * (self.rows - 1)


@dataclass(frozen=True)
class _Column:
    """Groups that share a range of x: one, or two of which the first is ``how`` = above or in front of the second."""

    wishes: tuple[_Wish, ...]
    how: str = "alone"

    def scaled(self, factor: float) -> _Column:
        resized = tuple(replace(wish, height=max(LEAST, wish.height * factor)) for wish in self.wishes)
        return replace(self, wishes=resized)

    @property
    def width(self) -> float:
        return max(wish.aspect * wish.height for wish in self.wishes)


def scene(seed: int) -> Scene:
    """The scene of ``seed``, any non-negative integer."""
    rng = np.random.default_rng([seed, 7])
    count = int(rng.choice(len(GROUP_WEIGHTS), p=GROUP_WEIGHTS))
    how = str(rng.choice(("above", "in front"), p=(0.47, 0.53))) if count >= 2 and rng.random() < SPECIAL else "alone"
    kinds = _kinds(count, how, rng)
    afloat = any(kind.where == FLOATING for kind in kinds)
    ground = "sea" if afloat else str(rng.choice(GROUNDS))
    # Nothing falls from the sky in this desert, so that its light stays its own.
    weather = str(rng.choice(WEATHERS[:2]) if ground == "desert" else rng.choice(WEATHERS, p=WEATHER_WEIGHTS))
    horizon = float(rng.uniform(0.54, 0.64))
    place = _Place(ground, horizon)
    wishes = _wishes(kinds, how, ground, rng)
    columns = _fitted(_columns(wishes, how, rng))
    if any(column.how == "in front" and _front_height(*column.wishes) < LEAST for column in columns):
        columns = _fitted(_columns(wishes, "alone", rng))
    free = ROOM - sum(column.width for column in columns) - GAP * max(0, len(columns) - 1)
    gaps = rng.dirichlet(np.full(len(columns) + 1, 1.5)) * max(0.0, free)
    groups: list[Group] = []
    left = LEFT
    for column, gap in zip(columns, gaps, strict=False):
        left += gap
        groups += _put(column, left, place, rng)
        left += column.width + GAP
    return Scene(
        seed=seed,
        time=str(rng.choice(TIMES)),
        ground=ground,
        weather=weather,
        mountains=bool(rng.random() < 0.45) and weather != "fog",  # which would hide them
        horizon=horizon,
        groups=tuple(sorted(groups, key=_middle)),
    )


def _middle(group: Group) -> float:
    return min(thing.box[0] for thing in group.things) + max(thing.box[2] for thing in group.things)


def _kinds(count: int, how: str, rng: np.random.Generator) -> list[Kind]:
    """``count`` different kinds; if ``how`` asks for it, the first can stand above or in front of the second."""
    order = [str(name) for name in rng.permutation(list(KINDS))]
    if how == "above":
        first = next(name for name in order if KINDS[name].where == FLYING)
        second = next(name for name in order if KINDS[name].where != FLYING and not {first, name} <= WIDE)
        order = [first, second, *order]
    elif how == "in front":
        first = next(name for name in order if name in FRONT)
        order = [first, next(name for name in order if name in BEHIND), *order]
    chosen: list[str] = []
    for name in order:
        crowded = count >= 3 and name in WIDE and not WIDE.isdisjoint(chosen)
        if len(chosen) < count and name not in chosen and not crowded:
            chosen.append(name)
    return [KINDS[name] for name in chosen]


def _wishes(kinds: list[Kind], how: str, ground: str, rng: np.random.Generator) -> list[_Wish]:
    """Give each group its number, colour, size and the height that it would have with room to spare."""
    numbers: list[int] = []
    for at, kind in enumerate(kinds):
        number = int(rng.integers(2, MOST_OF_A_KIND + 1)) if rng.random() < MANY[len(kinds)] else 1
        single = kind.name in ALONE or (how == "in front" and at < 2)
        numbers.append(1 if single else min(number, MOST_THINGS - sum(numbers) - (len(kinds) - 1 - at)))
    wishes = []
    for kind, number in zip(kinds, numbers, strict=True):
        size = str(rng.choice(("small", "large"))) if rng.random() < SIZED else "usual"
        jitter = rng.uniform(0.88, 1.10) if size == "usual" else rng.uniform(0.95, 1.05)
        height = kind.reach * CROWD[sum(numbers)] * FACTORS[size] * jitter
        on_beach = ground == "sea" and kind.where == STANDING  # which has no room for two rows
        rows = 2 if number >= 3 and number * kind.aspect >= TWO_ROWS and not on_beach else 1
        if rows == 2:
            height = min(height, {STANDING: 0.165, FLOATING: 0.15, FLYING: 0.24}[kind.where])
        colour = _colour(kind, rng)
        wishes.append(_Wish(kind, number, colour, size, max(LEAST, float(height)), rows))
    return wishes


def _colour(kind: Kind, rng: np.random.Generator) -> str:
    colour = str(rng.choice(COLOURS))
    if kind.name in USUAL_COLOURS and rng.random() < 0.5:
        colour = str(rng.choice(USUAL_COLOURS[kind.name]))
    return colour if kind.coloured else UNCOLOURED


def _columns(wishes: list[_Wish], how: str, rng: np.random.Generator) -> list[_Column]:
    """The groups in the order in which they will stand, left to right."""
    alone = wishes if how == "alone" else wishes[2:]
    columns = [_Column((wish,)) for wish in alone]
    if how != "alone":
        columns.append(_Column((wishes[0], wishes[1]), how))
    return [columns[at] for at in rng.permutation(len(columns))]


def _fitted(columns: list[_Column]) -> list[_Column]:
    """The columns made small enough, and their groups few enough, to stand beside each other."""
    if not columns:
        return columns
    room = ROOM - GAP * (len(columns) - 1)
    while sum(column.scaled(0.0).width for column in columns) > room:
        widest = max(
            (wish for column in columns for wish in column.wishes), key=lambda wish: (wish.number > 1, wish.aspect)
        )
        if widest.number == 1:
            break
        fewer = replace(widest, number=widest.number - 1)
        columns = [replace(c, wishes=tuple(fewer if w is widest else w for w in c.wishes)) for c in columns]
    factor = 1.0
    while sum(column.scaled(factor).width for column in columns) > room and factor > 0.2:
        factor *= 0.96
    columns = [column.scaled(factor) for column in columns]
    too_wide = max(1.0, sum(column.width for column in columns) / room)
    return [
        replace(c, wishes=tuple(replace(wish, height=wish.height / too_wide) for wish in c.wishes)) for c in columns
    ]


@dataclass(frozen=True)
class _Place:
    """Where the lowest edge of a thing may be."""

    ground: str
    horizon: float

    def foot(self, wish: _Wish, rng: np.random.Generator) -> float:
        """Of what stands in the front row, or floats there, or flies lowest."""
        high = wish.height * wish.depth
        behind = wish.height * (wish.depth - 1)
        if wish.kind.where == FLYING:
            return float(rng.uniform(0.04, max(0.05, self.horizon - high + 0.02))) + high
        if wish.kind.where == FLOATING:
            lowest = 0.82
            return float(rng.uniform(min(lowest, max(self.horizon + 0.08 + behind, high + 0.03)), lowest))
        shore = 0.84 if self.ground == "sea" else max(self.horizon + 0.12 + behind, high + 0.04)
        return float(rng.uniform(min(shore, 0.92), 0.94))


def _put(column: _Column, left: float, place: _Place, rng: np.random.Generator) -> list[Group]:
    """The groups of ``column``, which begins at ``left``."""
    if column.how == "above":
        return _above(column, left, place, rng)
    if column.how == "in front":
        return _in_front(column, left, place, rng)
    (wish,) = column.wishes
    return [_group(wish, left, place.foot(wish, rng), place, rng)]


def _above(column: _Column, left: float, place: _Place, rng: np.random.Generator) -> list[Group]:
    upper, lower = column.wishes
    foot = place.foot(lower, rng)
    room = foot - 0.09  # for both, with air above and between them
    factor = min(1.0, room / (upper.height * upper.depth + lower.height * lower.depth))
    upper, lower = (replace(wish, height=wish.height * factor) for wish in (upper, lower))
    widths = [wish.aspect * wish.height for wish in (upper, lower)]
    drift = rng.uniform(-0.14, 0.14) * min(widths)
    lefts = [left + (column.width - width) / 2 for width in widths]
    narrow = int(np.argmin(widths))
    lefts[narrow] += float(np.clip(drift, left - lefts[narrow], lefts[narrow] - left))
    below = _group(lower, lefts[1], foot, place, rng)
    high = upper.height * upper.depth
    lowest = min(thing.box[1] for thing in below.things) - 0.025
    bottom = rng.uniform(min(lowest, high + 0.03), min(lowest, max(place.horizon, high + 0.03)))
    return [_group(upper, lefts[0], float(bottom), place, rng), below]


def _in_front(column: _Column, left: float, place: _Place, rng: np.random.Generator) -> list[Group]:
    near, far = column.wishes
    step = float(rng.uniform(0.06, 0.085))
    foot = min(place.foot(far, rng), 0.955 - step)
    wide = far.aspect * far.height
    near = replace(near, height=_front_height(near, far))
    start = left + (column.width - wide) / 2
    inside = start + rng.uniform(0.03, 0.97) * (wide - near.aspect * near.height)
    return [_group(near, float(inside), foot + step, place, rng), _group(far, start, foot, place, rng)]


def _front_height(near: _Wish, far: _Wish) -> float:
    """How high ``near`` is in front of ``far``, so that it hides no more than a third and stays within its width."""
    wide, lower = far.aspect * far.height, 0.06  # at least so much of the near one stands below the foot of the far one
    covering = (0.33 * wide * far.height / near.aspect + (lower / 2) ** 2) ** 0.5 + lower / 2
    return min(near.height * 0.85, 0.50 * far.height, 0.80 * wide / near.aspect, covering)


def _group(wish: _Wish, left: float, foot: float, place: _Place, rng: np.random.Generator) -> Group:
    """Things beside each other from ``left``; with more than two, a little nearer and farther in turn."""
    width, height = wish.height * wish.kind.aspect, wish.height
    things = []
    for at in range(wish.number):
        row, column = divmod(at, wish.columns)
        shift = (0.5 * (1 + BETWEEN) if wish.number % 2 else SHIFT) * row * width
        x = left + column * width * (1 + BETWEEN) + shift
        y = foot - row * height * BEHIND_ROW
        if wish.number > 1 and wish.rows == 1:
            y = _scattered(y, height, wish, place, rng)
        x0, y0, x1, y1 = (round(float(edge), 4) for edge in (x, y - height, x + width, y))
        things.append(Thing(wish.kind.name, wish.colour, (x0, y0, x1, y1), wish.size))
    return Group(tuple(sorted(things, key=lambda thing: thing.box[0])))


def _scattered(foot: float, height: float, wish: _Wish, place: _Place, rng: np.random.Generator) -> float:
    """``foot``, moved a little up or down as far as things of its kind may go."""
    if wish.kind.where == FLYING:
        return float(np.clip(foot + rng.uniform(-0.05, 0.05), height + 0.02, max(height + 0.02, 0.70)))
    nearest, farthest = (0.82, place.horizon + 0.06) if wish.kind.where == FLOATING else (0.95, place.horizon + 0.10)
    if wish.kind.where == STANDING and place.ground == "sea":
        farthest = 0.84
    return float(
        np.clip(foot + rng.uniform(-0.035, 0.035), min(max(farthest, height + 0.02), foot), max(nearest, foot))
    )


ARRANGED_WEIGHTS = (0.22, 0.26, 0.22, 0.14, 0.10, 0.06)  # one to six things
ANYWHERE = 0.15  # how often a thing stands where it never would, as a person may well draw it
MOST_COVERED = 0.25  # of a thing, by one that was placed before
TRIES = 20


def arranged(seed: int) -> Scene:
    """The scene of ``seed`` with one to six things of any size, form and place instead of its own, kinds repeated at
    will: what a person draws boxes for. Each is a group of its own. Where no place is left, there are fewer."""
    rng = np.random.default_rng([seed, 13])
    around = scene(seed)
    things: list[Thing] = []
    for name in rng.choice(list(KINDS), size=1 + int(rng.choice(len(ARRANGED_WEIGHTS), p=ARRANGED_WEIGHTS))):
        kind, colour = KINDS[str(name)], str(rng.choice(COLOURS))
        boxes = (_anywhere(kind, around.horizon, rng) for _ in range(TRIES))
        box = next((box for box in boxes if all(_covered(box, other.box) <= MOST_COVERED for other in things)), None)
        if box is not None:
            things.append(Thing(kind.name, colour if kind.coloured else UNCOLOURED, box))
    afloat = any(KINDS[thing.kind].where == FLOATING for thing in things)
    groups = sorted((Group((thing,)) for thing in things), key=_middle)
    ground = "sea" if afloat else around.ground
    return replace(around, ground=ground, groups=tuple(groups))


def _anywhere(kind: Kind, horizon: float, rng: np.random.Generator) -> Box:
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


def _covered(one: Box, other: Box) -> float:
    """How much of the smaller of two boxes lies under the other, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0.0, width) * max(0.0, height) / smaller
