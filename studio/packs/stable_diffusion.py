"""The family of Stable Diffusion 1 and 2, and of Storybook: a U-Net with cross-attention to CLIP's text encoder.

What a U-Net of it may have beside: channels for a mask and a masked picture (Rombach et al. 2022, section 4.5), layers
for boxes (GLIGEN) and layers for pictures (IP-Adapter).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPTextModel

from studio.errors import PackError
from studio.packs import latent_upscaler
from studio.packs.catalogue import FACTOR, IMAGE_PROMPT, SUPER_RESOLUTION, PackInfo
from studio.packs.clip import load_clip
from studio.packs.conditioning import ConditioningBatch
from studio.packs.first_stage import FirstStage
from studio.packs.grounding import take_grounding
from studio.packs.hashing import hash_of_files, hash_of_folder
from studio.packs.image_prompt import ImagePrompts, take_image_prompt
from studio.packs.inspection import check_tensors, refusal_of
from studio.packs.linear_decoder import LinearDecoder, four_colours
from studio.packs.pack import INPAINTING_CHANNELS, Denoiser, Pack
from studio.packs.parts import autoencoder_dtype, load_model, read_preview, read_schedule, schedule_of, settled
from studio.packs.vocabulary import read_vocabulary
from studio.samplers.table import NoiseSchedule, Tables


def load_folder(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """The pack in a diffusers folder, with whatever else of ours lies in it; ``report`` hears how far it is, 0..1."""
    schedule = read_schedule(folder)
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype, device)
    report(0.6)  # a U-Net is the most of a pack
    autoencoder = load_model(AutoencoderKL, folder / "vae", autoencoder_dtype(dtype), device)
    text_encoder = load_model(CLIPTextModel, folder / "text_encoder", dtype, device)
    report(0.8)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except Exception as error:
        raise refusal_of(folder / "tokenizer", error) from None
    models = unet, autoencoder, text_encoder
    model_hash = hash_of_folder(folder)
    pack = _assembled(info, models, tokenizer, schedule, read_preview(folder), model_hash, device)
    upscaler, prompting = folder / SUPER_RESOLUTION, folder / IMAGE_PROMPT
    projection = take_image_prompt(unet, load_file(prompting)) if prompting.is_file() else None
    return replace(
        pack,
        denoiser=replace(pack.denoiser, projection=projection),
        vocabulary=read_vocabulary(folder),
        upscaler=latent_upscaler.load(upscaler, device, dtype) if upscaler.is_dir() else None,
        clip=load_clip(folder, device, dtype),
    )


def load_single_file(info: PackInfo, file: Path, device: torch.device, dtype: torch.dtype) -> Pack:
    """A checkpoint in the original layout. Its configuration is a folder of the same name beside it, or comes from the
    Hub."""
    from diffusers import StableDiffusionPipeline  # slow to import, and only single files need it

    check_tensors(file)
    configured = file.with_suffix("")
    config = {"config": str(configured), "local_files_only": True} if configured.is_dir() else {}
    try:
        pipeline = StableDiffusionPipeline.from_single_file(str(file), dtype=dtype, **config)
    except Exception as error:
        raise PackError(
            f"{file.name} cannot be loaded ({type(error).__name__}). A single file holds no configuration: put a "
            "diffusers folder with its configuration and tokenizer beside it, "
            f"named {configured.name}, or go online once."
        ) from error
    schedule = schedule_of(dict(pipeline.scheduler.config))
    models = pipeline.unet, pipeline.vae.to(autoencoder_dtype(pipeline.unet.dtype)), pipeline.text_encoder
    model_hash = hash_of_files([file])
    return _assembled(info, models, pipeline.tokenizer, schedule, four_colours(), model_hash, device)


def _assembled(
    info: PackInfo,
    models: tuple[UNet2DConditionModel, AutoencoderKL, Any],
    tokenizer: Any,
    schedule: NoiseSchedule,
    preview: LinearDecoder,
    model_hash: str,
    device: torch.device,
) -> Pack:
    unet, autoencoder, text_encoder = (settled(model, device) for model in models)
    if unet.config.addition_embed_type is not None or unet.config.in_channels not in (4, INPAINTING_CHANNELS):
        raise PackError(f"{info.title} is not of the Stable Diffusion 1 or 2 family, the only ones served so far.")
    denoiser = Denoiser(
        unet=unet,
        predict=predict,
        tables=Tables(schedule),
        first_stage=FirstStage(autoencoder, preview.to(device), FACTOR),
        channels=unet.config.out_channels,
        native_area=(info.size // FACTOR) ** 2,
        grounding=take_grounding(unet),
    )
    return Pack(info, denoiser, text_encoder, tokenizer, model_hash)


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w], timesteps [B] float32 -> [B, C, h, w]. Any part of ``conditioning`` but the words may be
    missing."""
    dtype = model.dtype
    attended: dict[str, Any] = {}
    if conditioning.layout is not None:
        tokens, opened = conditioning.layout
        attended["gligen"] = {"tokens": tokens.to(dtype), "opened": opened}
    if conditioning.image is not None:
        attended["ip_hidden_states"] = ImagePrompts(*(part.to(dtype) for part in conditioning.image))
    inputs = latents if conditioning.concat is None else torch.cat([latents, conditioning.concat], dim=1)
    output: torch.Tensor = model(
        inputs.to(dtype), timesteps, conditioning.text.to(dtype), cross_attention_kwargs=attended or None
    ).sample
    return output
