"""How Stable Diffusion 3's transformer is called."""

from __future__ import annotations

from typing import Any

import torch

from studio.models.architecture import Architecture
from studio.models.conditioning import ConditioningBatch

PATCH = 2  # latents a side that are one token


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w] with even sides, timesteps [B] float32 -> the flow n - z0, [B, C, h, w]."""
    assert conditioning.pooled is not None
    output: torch.Tensor = model(
        latents.to(model.dtype),
        encoder_hidden_states=conditioning.text.to(model.dtype),
        pooled_projections=conditioning.pooled.to(model.dtype),
        timestep=timesteps,
    ).sample
    return output


ARCHITECTURE = Architecture(predict, patch=PATCH, network="transformer")
