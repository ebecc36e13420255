"""Sky, sun and moon, clouds, mountains, ground and weather: everything but the things.

Each function draws one layer on the canvas. Random details (where a cloud hangs) come from the generator
that it is handed, never from a global one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storybook.world.canvas import Canvas, Colour, Light, darker, lighter, mix, oval, rgb


@dataclass(frozen=True)
class Hour:
    """The colours of one time of day. ``sky`` runs from the top of the picture to the horizon."""

    sky: tuple[Colour, Colour, Colour]
    tint: Colour
    cloud: Colour
    far: Colour  # mountains, which take on the colour of the air
    lamps: bool = False


HOURS = {
    "day": Hour((rgb("58a9e6"), rgb("92cbf0"), rgb("d6eef7")), (1.0, 1.0, 1.0), rgb("ffffff"), rgb("7f97b8")),
    "dawn": Hour((rgb("a9b8ea"), rgb("f3c6d6"), rgb("fdeec8")), (1.0, 0.94, 0.95), rgb("fff0ee"), rgb("a796bd")),
    "sunset": Hour((rgb("5b3f86"), rgb("dd5f62"), rgb("fdb04f")), (1.0, 0.88, 0.81), rgb("f6a08a"), rgb("6d4a7d")),
    "night": Hour(
        (rgb("0f1637"), rgb("1f2c5e"), rgb("3a4a86")), (0.74, 0.78, 0.92), rgb("4c5890"), rgb("2b3566"), lamps=True
    ),
}  # fmt: skip
MEADOW, DESERT, SNOW, SEA, BEACH = rgb("7fbf5a"), rgb("ecc27a"), rgb("eef4fb"), rgb("3f93c4"), rgb("f0dcab")
FOREST, PATH, ASPHALT, KERB = rgb("47704a"), rgb("e2cfa0"), rgb("7c7f88"), rgb("d3d0cb")
LAMPLIGHT = rgb("ffd76a")


def sky(canvas: Canvas, hour: Hour, horizon: float) -> None:
    canvas.sky([(0.0, hour.sky[0]), (horizon * 0.6, hour.sky[1]), (horizon, hour.sky[2]), (1.0, hour.sky[2])])


def sun_or_moon(canvas: Canvas, time: str, x: float, horizon: float) -> None:
    """High and pale by day, low at dawn, red on the horizon at sunset; a crescent at night."""
    if time == "night":
        disc = oval((x, 0.15), (0.065, 0.065))
        canvas.glow((x, 0.15), 0.26, rgb("c8d4ff"), 0.45)
        canvas.shape(disc, rgb("fdf6d8"), rgb("efe3b8"))
        return
    height = {"day": 0.15, "dawn": horizon - 0.10, "sunset": horizon - 0.03}[time]
    colour = {"day": rgb("fff3b0"), "dawn": rgb("ffe3a8"), "sunset": rgb("ff7a3c")}[time]
    radius = {"day": 0.070, "dawn": 0.075, "sunset": 0.105}[time]
    canvas.glow((x, height), 0.42, lighter(colour, 0.3), 0.65)
    canvas.shape(oval((x, height), (radius, radius)), lighter(colour, 0.35), colour)


def stars(canvas: Canvas, horizon: float, rng: np.random.Generator) -> None:
    for _ in range(22):
        x, y, radius = rng.random(), rng.random() * horizon * 0.85, rng.uniform(0.005, 0.011)
        canvas.shape(oval((x, y), (radius, radius), 10), rgb("fffbe6"), alpha=rng.uniform(0.7, 1.0))


def clouds(canvas: Canvas, colour: Colour, count: int, horizon: float, rng: np.random.Generator) -> None:
    for slot in range(count):
        x, y = (slot + rng.uniform(0.2, 0.8)) / count, rng.uniform(0.06, horizon * 0.55)
        size = rng.uniform(0.085, 0.125)
        for dx, dy, r in ((-1.1, 0.15, 0.62), (1.15, 0.18, 0.58), (-0.35, -0.22, 0.85), (0.50, -0.10, 0.74)):
            centre, radii = (x + dx * size, y + dy * size), (r * size, r * size * 0.78)
            canvas.shape(oval(centre, radii), lighter(colour, 0.15), darker(colour, 0.10))
        canvas.shape(oval((x, y + 0.32 * size), (1.75 * size, 0.36 * size)), colour, darker(colour, 0.12))


def mountains(canvas: Canvas, hour: Hour, horizon: float, side: float, rng: np.random.Generator) -> None:
    peaks = rng.permutation([0.10, 0.38, 0.64, 0.92])
    for depth, x in enumerate(peaks):
        peak = x + rng.uniform(-0.05, 0.05), horizon - rng.uniform(0.18, 0.30) + 0.025 * depth
        half = rng.uniform(0.20, 0.29)
        rock = mix(hour.far, hour.sky[2], 0.28 - 0.07 * depth)
        foot = horizon + 0.03
        canvas.shape(
            [peak, (peak[0] + half, foot), (peak[0] - half, foot)], rock, mix(rock, hour.sky[2], 0.35), shade=side
        )
        snow = lighter(mix(rgb("ffffff"), hour.sky[1], 0.18), 0.2) if not hour.lamps else rgb("aab6e0")
        down = 0.34 * (foot - peak[1])
        edge = half * 0.34
        jag = [peak, (peak[0] + edge, peak[1] + down), (peak[0] + edge * 0.4, peak[1] + down * 0.74),
               (peak[0], peak[1] + down * 1.08), (peak[0] - edge * 0.45, peak[1] + down * 0.72),
               (peak[0] - edge, peak[1] + down)]  # fmt: skip
        canvas.shape(jag, snow, darker(snow, 0.06), shade=side)


def ground(canvas: Canvas, kind: str, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    {
        "meadow": _meadow, "desert": _desert, "snow": _snow, "sea": _sea,
        "forest": _forest, "village": _village, "street": _street,
    }[kind](canvas, light, hour, horizon, rng)  # fmt: skip


def _lit(colour: Colour, light: Light) -> Colour:
    red, green, blue = light.tint
    return colour[0] * red, colour[1] * green, colour[2] * blue


def _hill(base: float, height: float, turns: float, shift: float) -> NDArray[np.float64]:
    """A rolling edge from left to right, closed along the foot of the picture."""
    x = np.linspace(0, 1, 48)
    y = base - height * (0.5 + 0.5 * np.sin(2 * np.pi * (turns * x + shift)))
    return np.concatenate([np.stack([x, y], axis=1), [(1.0, 1.0), (0.0, 1.0)]])


def _rolling(canvas: Canvas, colour: Colour, light: Light, horizon: float, rng: np.random.Generator) -> None:
    far = _hill(horizon + 0.02, 0.045, rng.uniform(0.6, 1.0), rng.random())
    near = _hill(horizon + 0.14, 0.07, rng.uniform(0.5, 0.8), rng.random())
    canvas.shape(far, _lit(lighter(colour, 0.22), light), _lit(colour, light), shade=light.side)
    canvas.shape(near, _lit(colour, light), _lit(darker(colour, 0.26), light), shade=light.side)


def _meadow(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    _rolling(canvas, MEADOW, light, horizon, rng)


def _desert(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    _rolling(canvas, DESERT, light, horizon, rng)


def _snow(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    _rolling(canvas, SNOW, light, horizon, rng)


def _sea(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    """Water that takes a little of the sky's colour, a few bands of light on it, and a beach in front."""
    water = _lit(SEA, light)
    canvas.shape([(0, horizon), (1, horizon), (1, 1), (0, 1)], mix(water, hour.sky[2], 0.35), darker(water, 0.25))
    for _ in range(7):
        x, y = rng.random(), rng.uniform(horizon + 0.03, 0.80)
        half = rng.uniform(0.06, 0.14)
        canvas.shape(oval((x, y), (half, 0.006 + 0.006 * (y - horizon))), lighter(water, 0.5), alpha=0.55)
    shore = _hill(0.90, 0.05, rng.uniform(0.5, 0.8), rng.random())
    canvas.shape(shore - (0, 0.012), lighter(water, 0.75), alpha=0.8)
    canvas.shape(shore, _lit(BEACH, light), _lit(darker(BEACH, 0.16), light), shade=light.side)


def _forest(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    """Two rows of conifers in the haze along the horizon, and a dark floor."""
    deep = _lit(FOREST, light)
    for row, (count, haze, tall) in enumerate(((15, 0.50, 0.15), (12, 0.24, 0.12))):
        colour = mix(deep, mix(hour.sky[2], hour.far, 0.5), haze)
        foot = horizon + 0.035 + 0.02 * row
        canvas.shape([(0, foot - 0.03), (1, foot - 0.03), (1, foot + 0.03), (0, foot + 0.03)], colour)
        for slot in range(count):
            x, height = (slot + rng.uniform(0.25, 0.75)) / count, tall * rng.uniform(0.7, 1.15)
            half = 0.034 + 0.008 * row
            for top, base, wide in ((0.0, 0.55, 0.75), (0.35, 1.0, 1.0)):
                peak, edge = foot - height * (1 - top), foot - height * (1 - base)
                canvas.shape(
                    [(x, peak), (x + half * wide, edge), (x - half * wide, edge)], colour, darker(colour, 0.10)
                )
    near = _hill(horizon + 0.06, 0.03, rng.uniform(0.5, 0.9), rng.random())
    canvas.shape(near, deep, darker(deep, 0.30), shade=light.side)
    for _ in range(5):
        x, y = rng.random(), rng.uniform(horizon + 0.10, 0.97)
        canvas.shape(
            oval((x, y), (rng.uniform(0.07, 0.13), 0.012 + 0.02 * (y - horizon)), 20), lighter(deep, 0.22), alpha=0.35
        )


def _village(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    """A meadow, a row of small pale houses far away, and a path that comes from them."""
    grass = _lit(MEADOW, light)
    far = _hill(horizon + 0.02, 0.02, rng.uniform(0.6, 1.0), rng.random())
    canvas.shape(far, lighter(grass, 0.22), grass, shade=light.side)
    air = mix(hour.sky[2], hour.far, 0.25)
    for slot in range(7):
        x, width = (slot + rng.uniform(0.3, 0.7)) / 7, rng.uniform(0.075, 0.105)
        foot, height = horizon + 0.045, rng.uniform(0.050, 0.075)
        wall, roof = (mix(_lit(rgb(code), light), air, 0.22) for code in ("efe4d6", "b9897c"))
        left, right = x - width / 2, x + width / 2
        canvas.shape([(left, foot - height), (right, foot - height), (right, foot), (left, foot)], wall)
        canvas.shape([(x, foot - height - 0.055), (right + 0.012, foot - height), (left - 0.012, foot - height)], roof)
        pane = LAMPLIGHT if hour.lamps else mix(wall, rgb("6f8296"), 0.6)
        canvas.shape([(x - 0.014, foot - 0.042), (x + 0.014, foot - 0.042), (x + 0.014, foot - 0.014),
                      (x - 0.014, foot - 0.014)], pane)  # fmt: skip
    canvas.shape(
        _hill(horizon + 0.055, 0.015, rng.uniform(0.5, 0.8), rng.random()), grass, darker(grass, 0.26), shade=light.side
    )
    start, end = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.8)
    down = np.linspace(0, 1, 16)
    middle = start + (end - start) * down**1.4 + 0.07 * np.sin(5 * down)
    half, along = 0.012 + 0.13 * down**1.3, horizon + 0.05 + (0.95 - horizon) * down
    sides = [np.stack([middle + side * half, along], axis=1) for side in (-1, 1)]
    path = _lit(PATH, light)
    canvas.shape(np.concatenate([sides[0], sides[1][::-1]]), path, darker(path, 0.16), shade=light.side)


def _street(canvas: Canvas, light: Light, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    """Pale blocks of a city along the horizon, a pavement, and asphalt with a dashed line."""
    foot = horizon + 0.05
    air = mix(hour.sky[2], hour.far, 0.55)
    edges = np.cumsum(np.concatenate([[-0.02], rng.uniform(0.085, 0.135, 12)]))
    for left, right in pairwise(edges):
        top = foot - rng.uniform(0.11, 0.25)
        block = mix(_lit(rgb("a3a8b8"), light), air, rng.uniform(0.35, 0.65))
        canvas.shape(
            [(left, top), (right, top), (right, foot), (left, foot)], lighter(block, 0.08), darker(block, 0.10)
        )
        pane = LAMPLIGHT if hour.lamps else lighter(block, 0.38)
        for x in (left + 0.25 * (right - left), left + 0.68 * (right - left)):
            for y in np.arange(top + 0.025, foot - 0.04, 0.048):
                if rng.random() < 0.62:
                    canvas.shape([(x - 0.010, y), (x + 0.014, y), (x + 0.014, y + 0.024), (x - 0.010, y + 0.024)], pane,
                                 alpha=0.85)  # fmt: skip
    kerb, road = _lit(KERB, light), _lit(ASPHALT, light)
    canvas.shape([(0, foot - 0.012), (1, foot - 0.012), (1, foot + 0.06), (0, foot + 0.06)], lighter(kerb, 0.1), kerb)
    canvas.shape([(0, foot + 0.045), (1, foot + 0.045), (1, foot + 0.065), (0, foot + 0.065)], darker(kerb, 0.30))
    canvas.shape(
        [(0, foot + 0.06), (1, foot + 0.06), (1, 1), (0, 1)], lighter(road, 0.10), darker(road, 0.22), shade=light.side
    )
    y, shift = (foot + 1.08) / 2, rng.random()
    for slot in range(-1, 5):
        x = (slot + shift) / 4
        dash = [(x, y - 0.014), (x + 0.13, y - 0.014), (x + 0.125, y + 0.014), (x - 0.005, y + 0.014)]
        canvas.shape(dash, _lit(rgb("f4efdf"), light))


SUNLESS = {"rain", "storm", "fog"}  # weathers that hide sun, moon and stars


def overcast(canvas: Canvas, weather: str, hour: Hour) -> None:
    """The light that a weather brings; laid over the sky before anything stands in it."""
    if weather == "rain":
        canvas.veil(mix(rgb("6f7a8c"), hour.sky[0], 0.35), 0.55)
    elif weather == "snowfall":
        canvas.veil(mix(rgb("dfe6f0"), hour.sky[1], 0.45), 0.45)
    elif weather == "storm":
        canvas.veil(mix(rgb("2f3444"), hour.sky[0], 0.22), 0.72)


def storm_clouds(canvas: Canvas, hour: Hour, horizon: float, rng: np.random.Generator) -> None:
    """A heavy ceiling of clouds, and one or two bolts of lightning out of it."""
    dark = mix(rgb("454a5c"), hour.sky[0], 0.25)
    starts = (rng.uniform(0.12, 0.38), rng.uniform(0.62, 0.88))
    for x in starts if rng.random() < 0.6 else starts[:1] if rng.random() < 0.5 else starts[1:]:
        _bolt(canvas, float(x), 0.13, horizon - rng.uniform(0.02, 0.12), rng)
    for row, y in enumerate((0.0, 0.07)):
        for slot in range(5):
            x, size = (slot + 0.5 * row + rng.uniform(-0.1, 0.4)) / 4.6, rng.uniform(0.085, 0.11)
            canvas.shape(oval((x, y + rng.uniform(-0.02, 0.03)), (1.5 * size, size)), lighter(dark, 0.16 * row),
                         darker(dark, 0.35 - 0.15 * row))  # fmt: skip


def _bolt(canvas: Canvas, x: float, top: float, foot: float, rng: np.random.Generator) -> None:
    """Two slanting strokes joined by a jag, as children draw it."""
    lean, high, wide = rng.choice((-1.0, 1.0)), foot - top, 0.030
    corners = ((0.3, 0.0), (-0.55, 0.52), (0.05, 0.50), (-0.6, 1.0), (0.75, 0.40), (0.15, 0.42), (1.0, 0.0))
    canvas.glow((x, top + 0.5 * high), 0.26, rgb("cfd2ff"), 0.55)
    bolt = [(x + lean * wide * 2.2 * across, top + high * down) for across, down in corners]
    canvas.shape(bolt, rgb("fff7c0"), rgb("ffe66a"))


FOG = {"far": 0.71, "things": 0.22}  # how much it veils


def fog(canvas: Canvas, hour: Hour, horizon: float, over: str) -> None:
    """What lies in the fog pales: with ``over`` = "far" most of it along the horizon, with "things" all a little."""
    pale = mix(rgb("e2e5e8"), hour.sky[1], 0.22) if not hour.lamps else mix(rgb("8189a4"), hour.sky[2], 0.35)
    most = FOG[over]
    stops = [(0.0, 0.60), (horizon - 0.16, 0.92), (horizon + 0.02, 1.0), (horizon + 0.14, 0.62), (1.0, 0.10)]
    if over == "things":
        stops = [(0.0, 0.8), (horizon, 1.0), (1.0, 0.7)]
    canvas.mist(pale, [(height, most * share) for height, share in stops])


def falling(canvas: Canvas, weather: str, rng: np.random.Generator) -> None:
    """Rain as slanting strokes, snow as flakes, in front of everything."""
    if weather in ("rain", "storm"):
        lean = 0.023 if weather == "rain" else 0.050
        for x, y in _scattered(34, rng):
            stroke = [(x, y), (x + 0.007, y), (x + 0.007 - lean, y + 0.075), (x - lean, y + 0.075)]
            canvas.shape(stroke, rgb("cfe2f4"), alpha=0.62)
    elif weather == "snowfall":
        for x, y in _scattered(34, rng):
            radius = rng.uniform(0.009, 0.015)
            canvas.shape(oval((x, y), (radius, radius), 12), rgb("ffffff"), alpha=0.92)


def _scattered(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points spread evenly rather than clumped: one in each cell of a grid, [n <= count, 2]."""
    side = int(np.sqrt(count))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    return (cells + rng.uniform(0.1, 0.9, cells.shape)) / side
