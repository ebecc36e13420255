"""How a large canvas is covered by overlapping tiles. Geometry only, in whichever cells the canvas has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Place: TypeAlias = tuple[int, int]  # y and x of a tile's upper left corner


@dataclass(frozen=True)
class Tiling:
    """``places`` of tiles of ``height`` x ``width`` on a canvas of ``rows`` x ``columns`` cells. Neighbours share at
    least ``overlap`` cells."""

    rows: int
    columns: int
    height: int
    width: int
    overlap: int
    places: tuple[Place, ...]

    @cached_property
    def window(self) -> NDArray[np.float32]:
        """What each cell of a tile counts where tiles overlap, [height, width], above 0: least at the tile's edges."""
        down, across = (_ramp(side, self.overlap) for side in (self.height, self.width))
        return (down[:, None] * across[None, :]).astype(np.float32)

    def scaled(self, factor: int) -> Tiling:
        """The same tiles on a canvas with ``factor`` times as many cells a side."""
        places = tuple((y * factor, x * factor) for y, x in self.places)
        rows, columns, height, width = (
            self.rows * factor,
            self.columns * factor,
            self.height * factor,
            self.width * factor,
        )
        return Tiling(rows, columns, height, width, self.overlap * factor, places)


def tiled(rows: int, columns: int, side: int, overlap: int) -> Tiling:
    """Covers the canvas with as few tiles of at most ``side`` x ``side`` as can be, evenly."""
    height, width = min(side, rows), min(side, columns)
    down, across = _starts(rows, height, overlap), _starts(columns, width, overlap)
    return Tiling(rows, columns, height, width, overlap, tuple((y, x) for y in down for x in across))


def whole(rows: int, columns: int) -> Tiling:
    """One tile as large as the canvas."""
    return Tiling(rows, columns, rows, columns, 0, ((0, 0),))


def _starts(length: int, side: int, overlap: int) -> list[int]:
    count = 1 if side >= length else math.ceil((length - overlap) / (side - overlap))
    return [round(at * (length - side) / max(1, count - 1)) for at in range(count)]


def _ramp(side: int, overlap: int) -> NDArray[np.float64]:
    """Rises over ``overlap`` cells at either end."""
    steps = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
    return np.minimum(1.0, steps / max(1, overlap))
