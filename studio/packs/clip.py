"""CLIP (Radford et al. 2021): what a picture shows and what words say, as vectors that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from studio.images.resizing import covering
from studio.packs.catalogue import IMAGE_ENCODER, read_json
from studio.packs.first_stage import to_pictures
from studio.packs.parts import load_model

PREPROCESSING = "preprocessor_config.json"
TEXT_PROJECTION = "text_projection.safetensors"


@dataclass(frozen=True, eq=False)
class Clip:
    """The vision tower; ``mean`` and ``std`` [3, 1, 1] are those of pictures in -1..1. ``text_projection``
    [width, text width], where the pack has one, brings what its own text encoder says of a text (`mean_over_words`) to
    the same space."""

    vision: Any
    mean: torch.Tensor
    std: torch.Tensor
    text_projection: torch.Tensor | None = None

    def embed(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """What ``picture`` [H, W, 3] shows, its middle square if it has another shape: [width] float32."""
        side = self.vision.config.image_size
        pixels = (to_pictures(covering(picture, side, side)[None])[0] - self.mean) / self.std
        with torch.inference_mode():
            seen = self.vision(pixels[None].to(self.vision.device, self.vision.dtype)).image_embeds
        return seen[0].float()


def mean_over_words(hidden: torch.Tensor, tokens: torch.Tensor, padding: int) -> torch.Tensor:
    """What a text encoder says of whole texts: the mean of its output [B, L, width] over all ``tokens`` [B, L] but
    ``padding``, [B, width]."""
    told = (tokens != padding)[:, :, None]
    return (hidden * told).sum(1) / told.sum(1)


def load_clip(pack: Path, device: torch.device, dtype: torch.dtype) -> Clip | None:
    """The vision tower in the folder of a ``pack``; None where it has none."""
    folder = pack / IMAGE_ENCODER
    if not folder.is_dir():
        return None
    vision = load_model(CLIPVisionModelWithProjection, folder, dtype, device)
    settings = read_json(folder / PREPROCESSING)
    mean, std = (torch.tensor(settings[name])[:, None, None] for name in ("image_mean", "image_std"))
    path = pack / TEXT_PROJECTION
    projection = load_file(path)["weight"].float().to(device) if path.is_file() else None
    return Clip(vision, 2 * mean - 1, 2 * std, projection)
