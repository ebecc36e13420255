"""CLIP (Radford et al. 2021): what a picture shows and what words say, as vectors that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from studio.images.resizing import covering
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.catalogue import IMAGE_ENCODER
from studio.models.weights.folder import read_json
from studio.models.weights.networks import load_model

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
        return self._see(self._prepared(picture)).image_embeds[0].float()

    def patches(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """What each patch of it shows, behind what the whole does: [1 + patches, width of the tower] float32, from the
        last layer but one."""
        return self._patches(self._prepared(picture))

    @cached_property
    def patches_of_nothing(self) -> torch.Tensor:
        """What `patches` says where there is no picture; the layers that attend to patches were trained with it."""
        side = self.vision.config.image_size
        return self._patches(torch.zeros(3, side, side))

    def _prepared(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        side = self.vision.config.image_size
        return (to_pictures(covering(picture, side, side)[None])[0] - self.mean) / self.std

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self._see(pixels, output_hidden_states=True).hidden_states[-2]
        return hidden[0].float()

    def _see(self, pixels: torch.Tensor, **options: bool) -> Any:
        with torch.inference_mode():
            return self.vision(pixels[None].to(self.vision.device, self.vision.dtype), **options)


def mean_over_words(hidden: torch.Tensor, tokens: torch.Tensor, padding: int) -> torch.Tensor:
    """What a text encoder says of whole texts: the mean of its output [B, L, width] over all ``tokens`` [B, L] but
    ``padding``, [B, width]."""
    is_word = (tokens != padding)[:, :, None]
    return (hidden * is_word).sum(1) / is_word.sum(1)


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
