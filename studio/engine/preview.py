"""Previews: the clean latents that rows are heading for, as small JPEGs."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch.nn import functional as F

from studio.packs.linear_decoder import LinearDecoder
from studio.packs.pack import to_bytes

LARGEST_SIDE = 384  # pixels; what is larger is averaged down, because encoding costs more than decoding
QUALITY = 80


def encode_previews(clean: torch.Tensor, decoder: LinearDecoder) -> list[bytes]:
    """Clean latents [B, C, h, w] -> a JPEG each."""
    pictures = decoder(clean)
    shrink = -(-max(pictures.shape[-2:]) // LARGEST_SIDE)
    if shrink > 1:
        pictures = F.avg_pool2d(pictures, shrink)
    return [_jpeg(picture) for picture in to_bytes(pictures)]


def _jpeg(pixels: torch.Tensor) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
