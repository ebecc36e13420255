"""How much several drawings of one thing differ, pixel by pixel. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

BRIGHTEST = 32.0  # levels of 0..255 at which the heat map is at its brightest


def spread(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """The standard deviation over at least two pictures [H, W, 3], averaged over the colours: [H, W], in levels of
    0..255. Adds up one picture at a time, so that memory does not grow with their number."""
    total = np.zeros(pictures[0].shape, np.float64)
    squares = np.zeros(pictures[0].shape, np.float64)
    for picture in pictures:
        total += picture
        squares += picture.astype(np.float64) ** 2
    variance = np.maximum(0.0, squares - total**2 / len(pictures)) / (len(pictures) - 1)
    return np.sqrt(variance).mean(axis=2).astype(np.float32)


def heat(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[H, W] -> a picture, uint8 [H, W, 3]: black where nothing differs, by way of red to bright yellow."""
    shares = np.clip(levels / BRIGHTEST * 255, 0, 255).round().astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(shares, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)
