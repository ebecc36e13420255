"""Loads the family's models from diffusers folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel

from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled
from studio.models.model import Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.text.tokenizers import load_tokenizer
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import autoencoder_dtype, load_model, read_preview, read_schedule


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    schedule = read_schedule(folder)
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)
    autoencoder = load_model(AutoencoderKL, folder / "vqvae", autoencoder_dtype(dtype), device)
    text = TextEncoders(
        (TextEncoder(load_model(LDMBertModel, folder / "bert", dtype, device), load_tokenizer(folder / "tokenizer")),)
    )
    parts = Checkpoint(unet, autoencoder, text, schedule, read_preview(folder, autoencoder), hash_of_folder(folder))
    return assembled(info, parts, device)
