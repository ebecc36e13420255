"""A brush with soft shading: shapes in fractions of the picture, drawn without jagged edges at any size.

The canvas is painted at twice the size asked for and averaged down. Colours are RGB triples in 0..1;
coordinates are fractions, x to the right and y down, so that one scene exists at 128 and at 512 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Points = NDArray[np.float64] | Sequence[tuple[float, float]]

OVERSAMPLING = 2
SUBPIXEL_BITS = 4  # cv2 draws at 1/16 of a pixel
DARK, LARGE_PART, RIM_WIDTH = 1.1, 0.3, 0.010  # which shapes of a rimmed thing are edged (red + green + blue; of box)


def rgb(code: str) -> Colour:
    """``"d6483e"`` -> (0.84, 0.28, 0.24)."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from ``one`` to ``other``; share in 0..1."""
    (r, g, b), (red, green, blue) = one, other
    return r + (red - r) * share, g + (green - g) * share, b + (blue - b) * share


def darker(colour: Colour, share: float) -> Colour:
    """``colour`` towards a deep dusk blue rather than black, which keeps shadows alive."""
    return mix(colour, (0.12, 0.10, 0.24), share)


def lighter(colour: Colour, share: float) -> Colour:
    return mix(colour, (1.0, 0.98, 0.92), share)


def oval(centre: tuple[float, float], radii: tuple[float, float], corners: int = 40) -> NDArray[np.float64]:
    """The outline of an ellipse, [corners, 2]."""
    return _circle(corners) * radii + centre


@lru_cache
def _circle(corners: int) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rounded(corners: Points, times: int = 3) -> NDArray[np.float64]:
    """A closed polygon with its corners cut off ``times`` times over (Chaikin), which makes it a smooth blob."""
    points = np.asarray(corners, np.float64)
    for _ in range(times):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return points


def bent(corners: Points, times: int = 3) -> NDArray[np.float64]:
    """An open line with its bends smoothed; its ends stay where they are."""
    points = np.asarray(corners, np.float64)
    for _ in range(times):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


@dataclass(frozen=True)
class Light:
    """What the time of day does to every colour below the sky.

    ``tint`` multiplies; ``side`` is -1..1, where the sun stands (left to right), and shades shapes across.
    """

    tint: Colour = (1.0, 1.0, 1.0)
    side: float = 0.0
    lamps: bool = False  # windows are lit


class Canvas:
    """``size`` pixels square; ``picture()`` gives uint8 RGB [size, size, 3]."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pixels = np.zeros((size * OVERSAMPLING, size * OVERSAMPLING, 3), np.float32)
        self.until = np.arange(self.side, dtype=np.float32)  # 0, 1, 2 ... the steps of every gradient

    @property
    def side(self) -> int:
        return self.pixels.shape[0]

    def picture(self) -> NDArray[np.uint8]:
        small = cv2.resize(self.pixels, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)

    def sky(self, stops: Sequence[tuple[float, Colour]]) -> None:
        """A vertical gradient over the whole canvas through ``(height, colour)`` stops, height in 0..1."""
        height = np.linspace(0, 1, self.side)
        at = [stop[0] for stop in stops]
        column = np.stack([np.interp(height, at, [stop[1][c] for stop in stops]) for c in range(3)], axis=1)
        self.pixels[:] = column[:, None, :]

    def glow(self, centre: tuple[float, float], radius: float, colour: Colour, strength: float) -> None:
        """A soft halo, strongest (0..1) at the centre and gone at ``radius``."""
        axis = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side
        columns, rows = (slice(*np.searchsorted(axis, (at - radius, at + radius))) for at in centre)
        across, down = axis[columns] - np.float32(centre[0]), axis[rows] - np.float32(centre[1])
        distance = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2) / np.float32(radius)
        alpha = (np.float32(strength) * np.clip(1 - distance, 0, 1) ** 2)[:, :, None]
        region = self.pixels[rows, columns]
        region += alpha * (np.asarray(colour, np.float32) - region)

    def mist(self, colour: Colour, stops: Sequence[tuple[float, float]]) -> None:
        """A veil whose strength runs through ``(height, alpha)`` stops from the top of the picture to its foot."""
        height = np.linspace(0, 1, self.side)
        alpha = np.interp(height, [stop[0] for stop in stops], [stop[1] for stop in stops]).astype(np.float32)
        self.pixels += alpha[:, None, None] * (np.asarray(colour, np.float32) - self.pixels)

    def veil(self, colour: Colour, alpha: float) -> None:
        """One colour over everything, as mist or the grey of rain."""
        self.pixels *= np.float32(1 - alpha)
        self.pixels += np.float32(alpha) * np.asarray(colour, np.float32)

    def shape(
        self, outline: Points, top: Colour, bottom: Colour | None = None, *, shade: float = 0.0, alpha: float = 1.0
    ) -> None:
        """Fill a polygon with a vertical gradient from ``top`` to ``bottom``.

        ``shade`` (-1..1) lightens it towards the right (positive) or the left (negative).
        """
        corners = np.asarray(outline, np.float64) * self.side
        (left, upper), (right, lower) = corners.min(0).tolist(), corners.max(0).tolist()
        x0, y0 = max(0, floor(left) - 1), max(0, floor(upper) - 1)
        width, height = min(self.side, ceil(right) + 2) - x0, min(self.side, ceil(lower) + 2) - y0
        if width <= 0 or height <= 0:
            return
        mask = np.zeros((height, width), np.uint8)
        fixed_point = np.rint((corners - (x0 + 0.5, y0 + 0.5)) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed_point], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        region = self.pixels[y0 : y0 + height, x0 : x0 + width]
        first = np.asarray(top, np.float32)
        last = np.asarray(top if bottom is None else bottom, np.float32)
        change = self.until[: width if shade else 1, None] * np.float32(0.32 * shade / max(1, width - 1))
        across = change + np.float32(1 - 0.16 * shade)
        fill = (first + (last - first) * (self.until[:height, None, None] / np.float32(max(1, height - 1)))) * across
        change = fill - region
        change *= (mask * np.float32(alpha / 255))[:, :, None]
        region += change

    def edge(self, outline: Points, colour: Colour, width: float) -> None:
        """The closed line along ``outline``; ``width`` as a fraction of the picture."""
        corners = np.asarray(outline, np.float64)
        middle = corners.mean(axis=0)
        # A ring, filled once: the outline there and a slightly smaller one back.
        reach = np.maximum(np.hypot(*(corners - middle).T), 1e-6)[:, None]
        inner = middle + (corners - middle) * np.maximum(0.0, 1 - width / reach)
        self.shape(np.concatenate([corners, corners[:1], inner[:1], inner[::-1]]), colour)


HALF_TURN = np.array([(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, np.pi, 7)[1:-1]])  # a stroke's round end


@dataclass(frozen=True)
class Pen:
    """Draws inside one thing's box: (0, 0) is its top left corner, (1, 1) its bottom right."""

    canvas: Canvas
    box: tuple[float, float, float, float]
    light: Light
    rim: Colour | None = None  # what edges the larger dark shapes, so that a black thing is seen before a night sky

    def place(self, points: Points) -> NDArray[np.float64]:
        x0, y0, x1, y1 = self.box
        return np.asarray(points, np.float64) * (x1 - x0, y1 - y0) + (x0, y0)

    def lit(self, colour: Colour) -> Colour:
        red, green, blue = self.light.tint
        return colour[0] * red, colour[1] * green, colour[2] * blue

    def shape(self, outline: Points, colour: Colour, *, depth: float = 0.18, alpha: float = 1.0) -> None:
        """A polygon, lit from above and from the sun's side; ``depth`` is how dark it gets at its foot."""
        top, bottom = self.lit(lighter(colour, depth / 2)), self.lit(darker(colour, depth))
        placed = self.place(outline)
        self.canvas.shape(placed, top, bottom, shade=self.light.side, alpha=alpha)
        if self.rim is not None and sum(colour) < DARK and np.ptp(np.asarray(outline), axis=0).max() > LARGE_PART:
            self.canvas.edge(placed, self.lit(self.rim), RIM_WIDTH)

    def blob(self, corners: Points, colour: Colour, *, depth: float = 0.18) -> None:
        """A smooth shape near ``corners``, which it does not quite reach."""
        self.shape(rounded(corners), colour, depth=depth)

    def stroke(self, line: Points, width: float, colour: Colour, *, depth: float = 0.12) -> None:
        """A bent line with round ends, as thick everywhere as ``width`` of the box's height."""
        x0, y0, x1, y1 = self.box
        form = np.array([(x1 - x0) / (y1 - y0), 1.0])
        points = bent(line, 2) * form
        along = np.gradient(points, axis=0)
        along *= width / 2 / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
        across = along[:, ::-1] * (-1, 1)
        ends = [
            points[at] + side * (across[at] * HALF_TURN[:, :1] + along[at] * HALF_TURN[:, 1:])
            for at, side in ((-1, 1), (0, -1))
        ]
        outline = np.concatenate([points + across, ends[0], (points - across)[::-1], ends[1]])
        self.shape(outline / form, colour, depth=depth)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, depth: float = 0.18) -> None:
        self.shape(oval((x, y), (rx, ry)), colour, depth=depth)

    def mass(self, ovals: Sequence[tuple[float, float, float, float]], colour: Colour, *, depth: float = 0.18) -> None:
        """Ovals ``x, y, rx, ry`` that make one body, as a tree's crown: the rim runs around it, not around each."""
        inner = self
        if self.rim is not None:
            inner = replace(self, rim=None)
            x0, y0, x1, y1 = self.box
            for x, y, rx, ry in ovals:
                inner.oval(x, y, rx + RIM_WIDTH / (x1 - x0), ry + RIM_WIDTH / (y1 - y0), self.rim, depth=0.0)
        for x, y, rx, ry in ovals:
            inner.oval(x, y, rx, ry, colour, depth=depth)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, depth: float = 0.12) -> None:
        self.shape([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, depth=depth)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A pane: lamplight when it is dark outside, else the sky in the glass. Its colour takes no tint."""
        colour = rgb("ffd76a") if self.light.lamps else rgb("bfe0ee")
        self.canvas.shape(self.place([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), colour, darker(colour, 0.15))

    def shadow(self, width: float = 0.5, height: float = 0.045) -> None:
        """A soft patch under the thing, in units of its box."""
        for grow, alpha in ((1.25, 0.10), (1.0, 0.14)):
            outline = oval((0.5, 1.0), (width * grow, height * grow))
            self.canvas.shape(self.place(outline), (0.10, 0.10, 0.22), alpha=alpha)
