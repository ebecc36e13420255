"""What happens to pictures on their way to a small file: blur, averaging, noise, JPEG. Pure functions of arrays."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.images.consistency import averaged

SCALE = 4
LARGEST_BLUR = 2.0  # standard deviation in pixels of the large picture
LARGEST_NOISE = 10.0  # standard deviation in levels of 0..255
JPEG_QUALITIES = (40, 95)
BLURRED, NOISY, PACKED = 0.6, 0.5, 0.5  # the share of pictures to which each happens


def degraded(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A small picture as people have it, uint8 [H / SCALE, W / SCALE, 3]: now and then nothing but averaged."""
    if rng.random() < BLURRED:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.2, LARGEST_BLUR)).astype(np.uint8)
    small = averaged(picture, SCALE)
    if rng.random() < NOISY:
        noise = rng.normal(0, rng.uniform(1, LARGEST_NOISE), small.shape)
        small = np.clip(small + noise, 0, 255).round().astype(np.uint8)
    if rng.random() < PACKED:
        quality = int(rng.integers(*JPEG_QUALITIES, endpoint=True))
        _, file = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        small = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
    return small
