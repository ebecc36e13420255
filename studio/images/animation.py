"""Pictures one after the other: as an animation, and side by side. Pure functions of arrays, uint8 [H, W, 3]."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from studio.errors import StudioError
from studio.images.resizing import resized

Frames = Sequence[NDArray[np.uint8]]

LARGEST_SIDE = 512  # pixels of a frame; larger ones are averaged down
FRAMES_A_SECOND = 8
LAST_SECONDS = 1.5  # for which the last frame stands
QUALITY = 90
GAP = 4  # pixels between two pictures of a strip
MOST_IN_STRIP = 12


def shown(picture: NDArray[np.uint8], largest: int = LARGEST_SIDE) -> NDArray[np.uint8]:
    """``picture`` as a frame, no side longer than ``largest``; a side that is odd loses a pixel, as videos need it."""
    scale = min(1.0, largest / max(picture.shape[:2]))
    height, width = (max(2, round(side * scale) // 2 * 2) for side in picture.shape[:2])
    return resized(picture, width, height)


def animated(frames: Frames) -> bytes:
    """An animated WebP that goes round for ever. The frames have one size; equal ones become one that stands longer."""
    images = [PIL.Image.fromarray(frame) for frame in frames]
    millis = [round(1000 / FRAMES_A_SECOND)] * (len(images) - 1) + [round(1000 * LAST_SECONDS)]
    stream = io.BytesIO()
    images[0].save(
        stream, "WEBP", save_all=True, append_images=images[1:], duration=millis, loop=0, quality=QUALITY, method=2,
    )  # fmt: skip
    return stream.getvalue()


def decoded(jpegs: Sequence[bytes]) -> list[NDArray[np.uint8]]:
    """Frames out of JPEGs."""
    return [np.asarray(PIL.Image.open(io.BytesIO(jpeg), formats=("JPEG",)).convert("RGB")) for jpeg in jpegs]


def video(frames: Frames) -> bytes:
    """A WebM with VP9, which every browser plays; sides are even. The last frame stands a while.

    Raises `StudioError` where OpenCV was built without it.
    """
    height, width = frames[0].shape[:2]
    standing = round(FRAMES_A_SECOND * LAST_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation.webm"
        codec = cv2.VideoWriter.fourcc(*"VP90")
        writer = cv2.VideoWriter(str(path), codec, FRAMES_A_SECOND, (width, height))
        if not writer.isOpened():
            raise StudioError("The OpenCV on this machine cannot write WebM.")
        for frame in [*frames, *[frames[-1]] * standing]:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()
        return path.read_bytes()


def strip(frames: Frames) -> NDArray[np.uint8]:
    """The frames side by side on white, [H, W, 3]; of many, some at equal distances, the first and the last among
    them."""
    count = min(len(frames), MOST_IN_STRIP)
    chosen = [frames[round(at)] for at in np.linspace(0, len(frames) - 1, count)]
    gap = np.full((chosen[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for frame in chosen for part in (gap, frame)][1:], axis=1)
