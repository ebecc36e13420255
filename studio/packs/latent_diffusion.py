"""The family of CompVis' own text to image (Rombach et al. 2022, section 4.3.1): a U-Net that reads what a transformer
trained with it, LDMBert, says of BERT's tokens. The layout is that of `diffusers.LDMTextToImagePipeline`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel

from studio.packs.catalogue import PackInfo
from studio.packs.hashing import hash_of_folder
from studio.packs.pack import Pack
from studio.packs.parts import autoencoder_dtype, load_model, read_preview, read_schedule
from studio.packs.stable_diffusion import Checkpoint, assembled
from studio.packs.text_encoders import TextEncoders, Tower
from studio.packs.tokenizers import load_tokenizer


def load_folder(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    schedule = read_schedule(folder)
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)
    autoencoder = load_model(AutoencoderKL, folder / "vqvae", autoencoder_dtype(dtype), device)
    text = TextEncoders(
        (Tower(load_model(LDMBertModel, folder / "bert", dtype, device), load_tokenizer(folder / "tokenizer")),)
    )
    parts = Checkpoint(unet, autoencoder, text, schedule, read_preview(folder, autoencoder), hash_of_folder(folder))
    return assembled(info, parts, device)
