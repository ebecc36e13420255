"""The first stage: pictures to latents and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, VQModel
from numpy.typing import NDArray

from studio.errors import NotFinite
from studio.images.tiles import Tiling, tiled
from studio.models.autoencoders.previews import PreviewDecoder
from studio.models.tiles import blended, cut

OVERLAP = 8  # latents that two pieces share when a large canvas is decoded


@dataclass(eq=False)
class Autoencoder:
    """An autoencoder, KL- or VQ-regularised, with a stand-in for its decoder that is cheap enough for every step.

    ``factor`` pixels a latent. A canvas with more than ``piece`` latents a side is decoded in pieces, so that memory
    does not grow with it; None decodes everything at once.
    """

    model: AutoencoderKL | VQModel
    preview: PreviewDecoder
    factor: int
    piece: int | None = None

    @property
    def _shift(self) -> float:
        """What lies between the autoencoder's own latents and those about zero."""
        return float(self.model.config.get("shift_factor") or 0.0)

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] in -1..1 -> scaled latents [B, C, H / f, W / f], float32: the posterior's mean, or what is
        there before it is quantised."""
        with torch.inference_mode():
            encoded = self.model.encode(pictures.to(self.model.device, self.model.dtype))
            latents = encoded.latents if isinstance(self.model, VQModel) else encoded.latent_dist.mean
            return ((latents - self._shift) * self.model.config.scaling_factor).float()

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents [B, C, h, w] -> pictures, uint8 [B, H, W, 3] on the CPU. Raises as `decode_levels` does."""
        return self.decode_levels(latents).round().byte()

    def decode_levels(self, latents: torch.Tensor) -> torch.Tensor:
        """Likewise, float32 in 0..255 and not rounded: for what goes on from there, as a level more or less, by which
        pictures drawn in other company may be off, would grow.

        Raises `NotFinite` where the autoencoder overflows, rather than hand out a black picture.
        """
        tiling = self.tiling(latents)
        return self.joined([self.decode_piece(cut(latents, tiling, place)) for place in tiling.places], tiling)

    def tiling(self, latents: torch.Tensor) -> Tiling:
        """The pieces in which ``latents`` [..., h, w] are decoded."""
        rows, columns = latents.shape[-2:]
        return tiled(rows, columns, self.piece or max(rows, columns), OVERLAP)

    def decode_piece(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents of one piece, [B, C, h, w], as `joined` takes them."""
        with torch.inference_mode():
            scaled = (latents / self.model.config.scaling_factor + self._shift).to(self.model.dtype)
            decoded: torch.Tensor = self.model.decode(scaled).sample
            return decoded.float()

    def joined(self, pieces: Sequence[torch.Tensor], tiling: Tiling) -> torch.Tensor:
        """All pieces of ``tiling`` as `decode_levels` gives them, and raising as it does."""
        pictures = blended(pieces, tiling.scaled(self.factor))
        if not torch.isfinite(pictures).all():
            raise NotFinite("The picture could not be decoded: its numbers ran off to infinity. Try another seed.")
        return to_levels(pictures)


def to_pictures(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> torch.Tensor:
    """[B, H, W, 3] in 0..255 -> float32 [B, 3, H, W] in -1..1."""
    return (torch.from_numpy(np.array(pixels, np.float32)).permute(0, 3, 1, 2) / 127.5 - 1).contiguous()


def to_bytes(pictures: torch.Tensor) -> torch.Tensor:
    """Float [B, 3, H, W] in -1..1 -> uint8 [B, H, W, 3] on the CPU."""
    return to_levels(pictures).round().byte()


def to_levels(pictures: torch.Tensor) -> torch.Tensor:
    """Float [B, 3, H, W] in -1..1 -> float32 [B, H, W, 3] in 0..255 on the CPU."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).float().cpu()
