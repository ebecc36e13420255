"""How a U-Net of this family is called, and what it sees."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.embeddings import get_timestep_embedding

from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.architecture import Architecture
from studio.models.conditioning import ConditioningBatch

GUIDANCE_UNIT = 1000.0  # the scale of guidance is embedded as if it were a time


def inpainting_channels(latent: int) -> int:
    """What a denoiser of ``latent`` channels sees that repaints: the latent, a mask and the masked picture's latent
    (Rombach et al. 2022, section 4.5)."""
    return 2 * latent + 1


def embedded_guidance(scale: float) -> float:
    """What a network is told that was distilled from guided ones, as diffusers counts it."""
    return scale - 1


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w], timesteps [B] float32 -> [B, C, h, w]. Any part of ``conditioning`` but the words may be
    missing."""
    dtype = model.dtype
    attended: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if conditioning.layout is not None:
        tokens, opened = conditioning.layout
        attended["gligen"] = {"tokens": tokens.to(dtype), "opened": opened}
    if conditioning.image is not None:
        attended["ip_hidden_states"] = ImagePrompts(*(part.to(dtype) for part in conditioning.image))
    if conditioning.pooled is not None and conditioning.time_ids is not None:
        options["added_cond_kwargs"] = {
            "text_embeds": conditioning.pooled.to(dtype), "time_ids": conditioning.time_ids.to(dtype)
        }  # fmt: skip
    if conditioning.guidance is not None:
        width, scale = model.config.time_cond_proj_dim, GUIDANCE_UNIT * conditioning.guidance
        options["timestep_cond"] = get_timestep_embedding(scale, width, downscale_freq_shift=1).to(dtype)
    if conditioning.level is not None:
        options["class_labels"] = conditioning.level
    inputs = latents if conditioning.concat is None else torch.cat([latents, conditioning.concat], dim=1)
    output: torch.Tensor = model(
        inputs.to(dtype), timesteps, conditioning.text.to(dtype), cross_attention_kwargs=attended or None, **options
    ).sample
    return output


ARCHITECTURE = Architecture(predict)
