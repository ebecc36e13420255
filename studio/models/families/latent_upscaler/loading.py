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

FACTOR = 4  # pixels a latent
# Latents of as much work as a picture is for Storybook's denoiser: a tile of 32 x 32 takes 0.42 (alone) to 0.56 (one of
# eight) of the time of 16 x 16 there, measured on one CPU thread.
NATIVE_AREA = 46**2
DECODED_PIECE = 32  # latents a side that are decoded at once, as in training


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """A pack that does nothing else."""
    upscaler = load_denoiser(folder, device, dtype)
    return Pack(info, upscaler, TextEncoders(()), hash_of_folder(folder), upscaler=upscaler)


def load_denoiser(folder: Path, device: torch.device, dtype: torch.dtype) -> Denoiser:
    """The denoiser in ``folder``, with ``unet``, ``vqvae`` and ``scheduler``."""
    unet = load_model(UNet2DModel, folder / "unet", dtype, device)
    autoencoder = load_model(VQModel, folder / "vqvae", autoencoder_dtype(dtype), device)
    first_stage = Autoencoder(autoencoder, read_preview(folder, autoencoder).to(device), FACTOR, DECODED_PIECE)
    tables = Tables(read_schedule(folder))
    return Denoiser(unet, ARCHITECTURE, tables, first_stage, unet.config.out_channels, NATIVE_AREA)


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, 3, h, w], the small pictures as ``concat`` [B, 3, h, w] -> [B, 3, h, w]."""
    assert conditioning.concat is not None
    inputs = torch.cat([latents, conditioning.concat], dim=1)
    output: torch.Tensor = model(inputs.to(model.dtype), timesteps).sample
    return output


ARCHITECTURE = Architecture(predict)
