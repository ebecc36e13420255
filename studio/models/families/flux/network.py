"""How FLUX.1's transformer is called: four latents are one token, and each knows where it stands."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from studio.models.architecture import Architecture
from studio.models.conditioning import ConditioningBatch

PATCH = 2  # latents a side that are one token
TIME_UNIT = 1000  # a timestep is this times sigma, and the network is told sigma


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w] with even sides, timesteps [B] float32 -> the flow n - z0, [B, C, h, w]."""
    assert conditioning.pooled is not None
    height, width = latents.shape[-2] // PATCH, latents.shape[-1] // PATCH
    guidance = None if conditioning.guidance is None else conditioning.guidance.float()
    output = model(
        F.pixel_unshuffle(latents, PATCH).flatten(2).transpose(1, 2).to(model.dtype),  # tokens of (channel, y, x)
        encoder_hidden_states=conditioning.text.to(model.dtype),
        pooled_projections=conditioning.pooled.to(model.dtype),
        timestep=timesteps / TIME_UNIT,
        img_ids=_places(height, width, latents.device),
        txt_ids=torch.zeros(conditioning.text.shape[1], 3, device=latents.device),
        guidance=guidance,
    ).sample
    return F.pixel_shuffle(output.transpose(1, 2).unflatten(2, (height, width)), PATCH)


def _places(height: int, width: int, device: torch.device) -> torch.Tensor:
    """(0, y, x) of each token, [height width, 3]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(y), y, x], dim=-1).flatten(0, 1).float().to(device)


ARCHITECTURE = Architecture(predict, patch=PATCH, network="transformer")
