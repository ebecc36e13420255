"""A brush with soft shading: shapes in fractions of the picture, drawn without jagged edges at any size.

The canvas is painted at twice the size asked for and averaged down. Colours are RGB triples in 0..1;
coordinates are fractions, x to the right and y down, so that one scene exists at 128 and at 512 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Points = NDArray[np.float64] | Sequence[tuple[float, float]]

OVERSAMPLING = 2
SUBPIXEL_BITS = 4  # cv2 draws at 1/16 of a pixel


def rgb(code: str) -> Colour:
    """``"d6483e"`` -> (0.84, 0.28, 0.24)."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from ``one`` to ``other``; share in 0..1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """``colour`` towards a deep dusk blue rather than black, which keeps shadows alive."""
    return mix(colour, (0.12, 0.10, 0.24), share)


def lighter(colour: Colour, share: float) -> Colour:
    return mix(colour, (1.0, 0.98, 0.92), share)


def oval(centre: tuple[float, float], radii: tuple[float, float], corners: int = 40) -> NDArray[np.float64]:
    """The outline of an ellipse, [corners, 2]."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1)


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
        distance = np.hypot(axis[None, :] - centre[0], axis[:, None] - centre[1]) / radius
        alpha = (strength * np.clip(1 - distance, 0, 1) ** 2)[:, :, None]
        self.pixels += alpha * (np.asarray(colour, np.float32) - self.pixels)

    def veil(self, colour: Colour, alpha: float) -> None:
        """One colour over everything, as mist or the grey of rain."""
        self.pixels += alpha * (np.asarray(colour, np.float32) - self.pixels)

    def shape(
        self, outline: Points, top: Colour, bottom: Colour | None = None, *, shade: float = 0.0, alpha: float = 1.0
    ) -> None:
        """Fill a polygon with a vertical gradient from ``top`` to ``bottom``.

        ``shade`` (-1..1) lightens it towards the right (positive) or the left (negative).
        """
        corners = np.asarray(outline, np.float64) * self.side
        low = np.clip(np.floor(corners.min(0)).astype(int) - 1, 0, self.side)
        high = np.clip(np.ceil(corners.max(0)).astype(int) + 2, 0, self.side)
        width, height = high - low
        if width <= 0 or height <= 0:
            return
        mask = np.zeros((height, width), np.uint8)
        fixed_point = np.round((corners - low - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed_point], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        region = self.pixels[low[1] : high[1], low[0] : high[0]]
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
        first = np.asarray(top, np.float32)
        last = np.asarray(top if bottom is None else bottom, np.float32)
        fill = (first + (last - first) * down) * (1 + 0.16 * shade * across)
        region += mask[:, :, None] * np.float32(alpha / 255) * (fill - region)


@dataclass(frozen=True)
class Pen:
    """Draws inside one thing's box: (0, 0) is its top left corner, (1, 1) its bottom right."""

    canvas: Canvas
    box: tuple[float, float, float, float]
    light: Light

    def place(self, points: Points) -> NDArray[np.float64]:
        x0, y0, x1, y1 = self.box
        return np.asarray(points, np.float64) * (x1 - x0, y1 - y0) + (x0, y0)

    def lit(self, colour: Colour) -> Colour:
        red, green, blue = (c * t for c, t in zip(colour, self.light.tint, strict=True))
        return red, green, blue

    def shape(self, outline: Points, colour: Colour, *, depth: float = 0.18, alpha: float = 1.0) -> None:
        """A polygon, lit from above and from the sun's side; ``depth`` is how dark it gets at its foot."""
        top, bottom = self.lit(lighter(colour, depth / 2)), self.lit(darker(colour, depth))
        self.canvas.shape(self.place(outline), top, bottom, shade=self.light.side, alpha=alpha)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, depth: float = 0.18) -> None:
        self.shape(oval((x, y), (rx, ry)), colour, depth=depth)

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
