"""What the engine may ask of any family's network. It never looks into a network's configuration itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

import torch

from studio.models.conditioning import Conditioning, Predict

Guide: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def classifier_free_guidance(
    conditional: torch.Tensor, unconditional: torch.Tensor, scale: torch.Tensor, rescale: torch.Tensor
) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, equation 6), brought back to the standard deviation of
    ``conditional`` by the share ``rescale`` (Lin et al. 2024, section 3.4). Outputs [B, C, h, w]; scale and rescale
    [B, 1, 1, 1]."""
    result = torch.where(scale == 1, conditional, unconditional + scale * (conditional - unconditional))
    ratio = conditional.std(dim=(1, 2, 3), keepdim=True) / result.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8)
    return torch.where(rescale > 0, result * (1 + rescale * (ratio - 1)), result)


def text_shape(conditioning: Conditioning) -> Hashable:
    """Texts of one length can share a call."""
    return tuple(conditioning.text.shape)


@dataclass(frozen=True)
class Architecture:
    """How the networks of a family are called, and what follows from how they are built.

    predict:   one call: latents [B, C, h, w] and timesteps [B] float32 to the model's output [B, C, h, w]
    shape_key: inputs with equal keys, and tiles of one size, can share a call
    guide:     the conditional and the unconditional output as one, with a scale and a rescale for each row
    network:   what a person calls it
    patch:     the side in latents of what the network sees as one token; the sides of a canvas are multiples of it
    """

    predict: Predict
    shape_key: Callable[[Conditioning], Hashable] = text_shape
    guide: Guide = classifier_free_guidance
    patch: int = 1
    network: str = "U-Net"

    def tokens(self, rows: int, columns: int) -> int:
        """How many tokens a canvas of so many latents is."""
        return rows * columns // self.patch**2
