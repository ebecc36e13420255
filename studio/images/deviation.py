"""How much several drawings of one thing differ, pixel by pixel. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

STRIP = 256  # rows
BRIGHTEST = 32.0  # levels of 0..255 at which the heat map is at its brightest


def standard_deviation(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """The standard deviation over at least two pictures [H, W, 3], averaged over the colours: [H, W], in levels of
    0..255. Goes through them in strips, so that it takes little more memory than they do."""
    levels = np.empty(pictures[0].shape[:2], np.float32)
    for top in range(0, len(levels), STRIP):
        strip = slice(top, top + STRIP)
        total, squares = (np.zeros(pictures[0][strip].shape, np.float64) for _ in range(2))
        for picture in pictures:
            total += picture[strip]
            squares += picture[strip].astype(np.float64) ** 2
        variance = np.maximum(0.0, squares - total**2 / len(pictures)) / (len(pictures) - 1)
        levels[strip] = np.sqrt(variance).mean(axis=2)
    return levels


def heat(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[H, W] -> a picture, uint8 [H, W, 3]: black where nothing differs, by way of red to bright yellow."""
    shares = np.clip(levels / BRIGHTEST * 255, 0, 255).round().astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(shares, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)
