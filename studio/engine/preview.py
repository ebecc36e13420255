"""Previews: the clean latent that a row is heading for, as a small JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from studio.images.animation import shown
from studio.images.consistency import back_projected
from studio.images.jpeg import encoded
from studio.models.autoencoders.autoencoder import to_bytes
from studio.models.autoencoders.previews import PreviewDecoder

LARGEST_SIDE = 384  # pixels; the latents of larger pictures are averaged down, because encoding is what costs
FRAME_QUALITY = 95


def encode_previews(
    clean: torch.Tensor, decoder: PreviewDecoder, smalls: Sequence[NDArray[np.float32] | None] | None = None
) -> list[bytes]:
    """Clean latents [B, C, h, w] -> a JPEG of each whole picture. One decoding and one transfer serve all of them.

    ``smalls`` are what the pictures average down to, where that is known: [h, w, 3] in 0..255, a pixel a latent, of
    canvases that may be larger to the right and below. They are right where the decoder, whose every latent is off by a
    colour of its own, is not.
    """
    shrink = max(1, -(-max(clean.shape[-2:]) * decoder.block // LARGEST_SIDE))
    if shrink > 1:
        clean = F.avg_pool2d(clean, shrink, ceil_mode=True)
    pictures = to_bytes(decoder(clean)).numpy()
    return [
        encoded(picture if small is None else _corrected(picture, small, decoder.block / shrink))
        for picture, small in zip(pictures, smalls or [None] * len(pictures), strict=True)
    ]


def _corrected(picture: NDArray[np.uint8], small: NDArray[np.float32], scale: float) -> NDArray[np.uint8]:
    """The part of ``picture`` that ``small`` is of, ``scale`` times as large, with what it lacks of it."""
    height, width = (max(1, round(side * scale)) for side in small.shape[:2])
    if scale < 1:
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
    return back_projected(picture[:height, :width], small)


def encode_frame(picture: NDArray[np.uint8]) -> bytes:
    """A picture, uint8 [H, W, 3], as a frame of an animation."""
    return encoded(shown(picture), quality=FRAME_QUALITY, subsampling=0)  # colours as sharp as brightness
