"""Loads the family's models from diffusers folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from studio.models.adapters.clip import load_clip
from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled
from studio.models.model import Pack
from studio.models.text.encoders import TextEncoders
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import autoencoder_dtype, load_model, read_preview, read_schedule


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    schedule = read_schedule(folder)
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)
    autoencoder = load_model(AutoencoderKL, folder / "vae", autoencoder_dtype(dtype), device)
    parts = Checkpoint(
        unet, autoencoder, TextEncoders(()), schedule, read_preview(folder, autoencoder), hash_of_folder(folder)
    )
    return replace(assembled(info, parts, device), clip=load_clip(folder, device, dtype))
