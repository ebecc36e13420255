"""Loads the family's models from diffusers folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion.network import ARCHITECTURE
from studio.models.model import Augmentation, Denoiser, Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.text.tokenizers import load_tokenizer
from studio.models.weights.folder import read_json
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import autoencoder_dtype, load_model, read_preview, read_schedule, schedule_of
from studio.sampling.trace import Tables

FACTOR = 4  # pixels a latent
DECODED_PIECE = 192  # latents a side that are decoded at once
LEVEL = 20  # of 1000 training times: how much noise the small picture gets, as the published pipeline has it
NATIVE_AREA = 64**2  # latents, twice as wide as the tiles that it is shown


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)
    autoencoder = load_model(AutoencoderKL, folder / "vae", autoencoder_dtype(dtype), device)
    text = load_model(CLIPTextModel, folder / "text_encoder", dtype, device)
    noising = schedule_of(read_json(folder / "low_res_scheduler" / "scheduler_config.json"))
    denoiser = Denoiser(
        unet, ARCHITECTURE, Tables(read_schedule(folder)),
        Autoencoder(autoencoder, read_preview(folder, autoencoder).to(device), FACTOR, DECODED_PIECE),
        unet.config.out_channels, NATIVE_AREA, augmentation=Augmentation(noising, LEVEL),
    )  # fmt: skip
    words = TextEncoders((TextEncoder(text, load_tokenizer(folder / "tokenizer")),))
    return Pack(info, denoiser, words, hash_of_folder(folder), upscaler=denoiser)
