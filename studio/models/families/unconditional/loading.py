"""Loads the family's models from diffusers folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel, VQModel

from studio.models.architecture import Architecture
from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.catalogue import PackInfo
from studio.models.conditioning import ConditioningBatch
from studio.models.model import Denoiser, Pack
from studio.models.text.encoders import TextEncoders
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import autoencoder_dtype, load_model, read_preview, read_schedule
from studio.sampling.trace import Tables


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    unet = load_model(UNet2DModel, folder / "unet", dtype, device)
    report(0.6)
    autoencoder = load_model(VQModel, folder / "vqvae", autoencoder_dtype(dtype), device)
    factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)
    first_stage = Autoencoder(autoencoder, read_preview(folder, autoencoder).to(device), factor)
    area = (info.size // first_stage.factor) ** 2
    denoiser = Denoiser(unet, ARCHITECTURE, Tables(read_schedule(folder)), first_stage, unet.config.out_channels, area)
    return Pack(info, denoiser, TextEncoders(()), hash_of_folder(folder))


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w] -> [B, C, h, w]."""
    output: torch.Tensor = model(latents.to(model.dtype), timesteps).sample
    return output


ARCHITECTURE = Architecture(predict)
