"""Large pictures that agree with the small ones they were made from. Pure functions of arrays."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ROUNDS = 8  # by then the rest of the error is that of rounding


def averaged(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """[H, W, 3] averaged over ``scale`` x ``scale`` pixels, sides being multiples of it."""
    height, width = picture.shape[0] // scale, picture.shape[1] // scale
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def back_projected(large: NDArray[np.uint8], small: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """``large`` [s h, s w, 3], corrected until it averages down to ``small`` [h, w, 3], both in 0..255 (Irani and Peleg
    1991).

    Each round spreads what is missing of the small picture smoothly over the large one. Where the small picture is
    black or white to the last level, clipping leaves an error of a few levels.
    """
    height, width = small.shape[:2]
    picture, wanted = large.astype(np.float32), small.astype(np.float32)
    for _ in range(ROUNDS):
        missing = wanted - cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture += cv2.resize(missing, (large.shape[1], large.shape[0]), interpolation=cv2.INTER_CUBIC)
        np.clip(picture, 0, 255, out=picture)
    return picture.round().astype(np.uint8)
