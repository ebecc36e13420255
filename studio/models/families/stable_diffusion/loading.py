"""Loads the family's models from diffusers folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from studio.models.adapters.clip import load_clip
from studio.models.adapters.ip_adapter import take_image_prompt
from studio.models.catalogue import IMAGE_PROMPT, SUPER_RESOLUTION, PackInfo
from studio.models.families.latent_upscaler.loading import load_denoiser as load_upscaler
from studio.models.families.stable_diffusion import single_file
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled, is_xl, two_encoders
from studio.models.model import Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.text.thesaurus import read_thesaurus
from studio.models.text.tokenizers import load_tokenizer
from studio.models.text.vocabulary import read_vocabulary
from studio.models.weights.folder import read_json
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import load_autoencoder, load_model, read_preview, read_schedule


def load(
    info: PackInfo, source: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """The model in the diffusers folder, with whatever else of ours lies in it, or in the single file ``source``;
    ``report`` hears how far it is, 0..1. Raises `PackError`."""
    if source.is_file():
        return single_file.load(info, source, device, dtype)
    folder = source
    schedule = read_schedule(folder)
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)  # a U-Net is the most of a pack
    autoencoder = load_autoencoder(folder, Path(info.source), dtype, device)
    text = _load_text(folder, unet, dtype, device)
    report(0.9)
    pack = assembled(
        info,
        Checkpoint(unet, autoencoder, text, schedule, read_preview(folder, autoencoder), hash_of_folder(folder)),
        device,
    )
    vocabulary = read_vocabulary(folder)
    upscaler, prompting = folder / SUPER_RESOLUTION, folder / IMAGE_PROMPT
    projection = take_image_prompt(unet, load_file(prompting)) if prompting.is_file() else None
    return replace(
        pack,
        denoiser=replace(pack.denoiser, projection=projection),
        vocabulary=vocabulary,
        thesaurus=read_thesaurus(folder, vocabulary),
        upscaler=load_upscaler(upscaler, device, dtype) if upscaler.is_dir() else None,
        clip=load_clip(folder, device, dtype),
    )


def _load_text(folder: Path, unet: UNet2DConditionModel, dtype: torch.dtype, device: torch.device) -> TextEncoders:
    """SDXL reads every prompt twice (Podell et al. 2023, section 2.1), and its second encoder says what the whole
    means."""
    first = load_model(CLIPTextModel, folder / "text_encoder", dtype, device)
    if not is_xl(unet):
        return TextEncoders((TextEncoder(first, load_tokenizer(folder / "tokenizer")),))
    second = load_model(CLIPTextModelWithProjection, folder / "text_encoder_2", dtype, device)
    index = folder / "model_index.json"
    zeros = read_json(index).get("force_zeros_for_empty_prompt", True) if index.is_file() else True
    return two_encoders(
        first, load_tokenizer(folder / "tokenizer"), second, load_tokenizer(folder / "tokenizer_2"), bool(zeros)
    )
