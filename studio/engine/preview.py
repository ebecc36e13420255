"""Previews: the clean latent that a row is heading for, as a small JPEG."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from studio.images.animation import shown
from studio.images.jpeg import encoded
from studio.packs.first_stage import to_bytes
from studio.packs.linear_decoder import PreviewDecoder

LARGEST_SIDE = 384  # pixels; the latents of larger pictures are averaged down, because encoding is what costs
FRAME_QUALITY = 95


def encode_previews(clean: torch.Tensor, decoder: PreviewDecoder) -> list[bytes]:
    """Clean latents [B, C, h, w] -> a JPEG of each whole picture. One decoding and one transfer serve all of them."""
    shrink = -(-max(clean.shape[-2:]) * decoder.block // LARGEST_SIDE)
    if shrink > 1:
        clean = F.avg_pool2d(clean, shrink, ceil_mode=True)
    return [encoded(picture.numpy()) for picture in to_bytes(decoder(clean))]


def encode_frame(picture: NDArray[np.uint8]) -> bytes:
    """A picture, uint8 [H, W, 3], as a frame of an animation."""
    return encoded(shown(picture), quality=FRAME_QUALITY, subsampling=0)  # colours as sharp as brightness
