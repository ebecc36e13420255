"""What several tests do with films."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image


def frames_of(film: bytes) -> list[np.ndarray]:
    """The frames of an animated WebP, uint8 [H, W, 3]."""
    frames = []
    with PIL.Image.open(io.BytesIO(film), formats=("WEBP",)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
    return frames
