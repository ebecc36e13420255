"""Previews: the clean latent that a row is heading for, as a small JPEG."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch.nn import functional as F

from studio.packs.linear_decoder import LinearDecoder
from studio.packs.pack import to_bytes

LARGEST_SIDE = 384  # pixels; the latents of larger pictures are averaged down, because encoding is what costs
QUALITY = 80


def encode_preview(clean: torch.Tensor, decoder: LinearDecoder) -> bytes:
    """A clean latent [C, h, w] -> a JPEG of the whole picture."""
    latents = clean[None]
    shrink = -(-max(latents.shape[-2:]) * decoder.block // LARGEST_SIDE)
    if shrink > 1:
        latents = F.avg_pool2d(latents, shrink, ceil_mode=True)
    stream = io.BytesIO()
    Image.fromarray(to_bytes(decoder(latents))[0].numpy()).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
