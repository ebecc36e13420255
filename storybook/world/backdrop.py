"""Sky, sun and moon, clouds, mountains, ground and weather: everything but the things.

Each function draws one layer on the canvas. Random details (where a cloud hangs) come from the generator
that it is handed, never from a global one.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    {"meadow": _meadow, "desert": _desert, "snow": _snow, "sea": _sea}[kind](canvas, light, hour, horizon, rng)


def _lit(colour: Colour, light: Light) -> Colour:
    red, green, blue = (c * t for c, t in zip(colour, light.tint, strict=True))
    return red, green, blue


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


def overcast(canvas: Canvas, weather: str, hour: Hour) -> None:
    """Grey light before rain, white light before snow; laid over the sky before anything stands in it."""
    if weather == "rain":
        canvas.veil(mix(rgb("6f7a8c"), hour.sky[0], 0.35), 0.55)
    elif weather == "snowfall":
        canvas.veil(mix(rgb("dfe6f0"), hour.sky[1], 0.45), 0.45)


def falling(canvas: Canvas, weather: str, rng: np.random.Generator) -> None:
    """Rain as slanting strokes, snow as flakes, in front of everything."""
    if weather == "rain":
        for x, y in _scattered(34, rng):
            stroke = [(x, y), (x + 0.007, y), (x - 0.016, y + 0.075), (x - 0.023, y + 0.075)]
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
