"""The family of Stable Diffusion 1, 2 and XL, and of Storybook: a U-Net with cross-attention to CLIP's text encoders.

What a U-Net of it may have beside: channels for a mask and a masked picture (Rombach et al. 2022, section 4.5), layers
for boxes (GLIGEN), layers for pictures (IP-Adapter), the size of the picture as conditioning (SDXL), and the scale of
guidance as one (consistency models distilled from guided ones).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.embeddings import get_timestep_embedding
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from studio.errors import PackError
from studio.models.adapters.clip import load_clip
from studio.models.adapters.gligen import take_grounding
from studio.models.adapters.ip_adapter import ImagePrompts, take_image_prompt
from studio.models.autoencoders.autoencoder import FirstStage
from studio.models.autoencoders.previews import PreviewDecoder
from studio.models.catalogue import FACTOR, IMAGE_PROMPT, SUPER_RESOLUTION, PackInfo, read_json
from studio.models.conditioning import ConditioningBatch
from studio.models.families import latent_upscaler
from studio.models.model import Denoiser, Pack, inpainting_channels
from studio.models.text.encoders import TextEncoders, Tower
from studio.models.text.thesaurus import read_thesaurus
from studio.models.text.tokenizers import load_tokenizer
from studio.models.text.vocabulary import read_vocabulary
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import load_autoencoder, load_model, read_preview, read_schedule, settled
from studio.sampling.process import BetaSchedule
from studio.sampling.trace import Tables

DECODED_PIECE = 256  # latents a side that are decoded at once: the largest picture that can be asked for
GUIDANCE_UNIT = 1000.0  # the scale of guidance is embedded as if it were a time


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The parts of a pack of this family, wherever they were read from."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    text: TextEncoders
    schedule: BetaSchedule
    preview: PreviewDecoder
    model_hash: str


def load_folder(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """The pack in a diffusers folder, with whatever else of ours lies in it; ``report`` hears how far it is, 0..1."""
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
        upscaler=latent_upscaler.load(upscaler, device, dtype) if upscaler.is_dir() else None,
        clip=load_clip(folder, device, dtype),
    )


def _load_text(folder: Path, unet: UNet2DConditionModel, dtype: torch.dtype, device: torch.device) -> TextEncoders:
    """SDXL reads every prompt twice (Podell et al. 2023, section 2.1), and its second encoder says what the whole
    means."""
    first = load_model(CLIPTextModel, folder / "text_encoder", dtype, device)
    if not is_xl(unet):
        return TextEncoders((Tower(first, load_tokenizer(folder / "tokenizer")),))
    second = load_model(CLIPTextModelWithProjection, folder / "text_encoder_2", dtype, device)
    index = folder / "model_index.json"
    zeros = read_json(index).get("force_zeros_for_empty_prompt", True) if index.is_file() else True
    return two_encoders(
        first, load_tokenizer(folder / "tokenizer"), second, load_tokenizer(folder / "tokenizer_2"), bool(zeros)
    )


def two_encoders(first: Any, tokenizer: Any, second: Any, second_tokenizer: Any, empty_is_zero: bool) -> TextEncoders:
    """Those of SDXL."""
    towers = Tower(first, tokenizer, "penultimate"), Tower(second, second_tokenizer, "penultimate")
    return TextEncoders(towers, empty_is_zero)


def is_xl(unet: UNet2DConditionModel) -> bool:
    return bool(unet.config.addition_embed_type == "text_time")


def assembled(info: PackInfo, parts: Checkpoint, device: torch.device) -> Pack:
    """A pack of loaded ``parts``. Raises `PackError` for a U-Net that is not of this family."""
    unet, autoencoder = settled(parts.unet, device), settled(parts.autoencoder, device)
    is_known = unet.config.addition_embed_type in (None, "text_time") and unet.config.class_embed_type is None
    channels = unet.config.out_channels
    if not is_known or unet.config.in_channels not in (channels, inpainting_channels(channels)):
        raise PackError(f"{info.title} is not of the Stable Diffusion family, or one of it that is not served so far.")
    denoiser = Denoiser(
        unet=unet,
        predict=predict,
        tables=Tables(parts.schedule),
        first_stage=FirstStage(autoencoder, parts.preview.to(device), FACTOR, DECODED_PIECE),
        channels=channels,
        native_area=(info.size // FACTOR) ** 2,
        grounding=take_grounding(unet),
    )
    return Pack(info, denoiser, parts.text, parts.model_hash)


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """latents [B, C, h, w], timesteps [B] float32 -> [B, C, h, w]. Any part of ``conditioning`` but the words may be
    missing."""
    dtype = model.dtype
    attended: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if conditioning.layout is not None:
        tokens, opened = conditioning.layout
        attended["gligen"] = {"tokens": tokens.to(dtype), "opened": opened}
    if conditioning.image is not None:
        attended["ip_hidden_states"] = ImagePrompts(*(part.to(dtype) for part in conditioning.image))
    if conditioning.pooled is not None and conditioning.time_ids is not None:
        told["added_cond_kwargs"] = {
            "text_embeds": conditioning.pooled.to(dtype), "time_ids": conditioning.time_ids.to(dtype)
        }  # fmt: skip
    if conditioning.guidance is not None:
        width, scale = model.config.time_cond_proj_dim, GUIDANCE_UNIT * conditioning.guidance
        told["timestep_cond"] = get_timestep_embedding(scale, width, downscale_freq_shift=1).to(dtype)
    if conditioning.level is not None:
        told["class_labels"] = conditioning.level
    inputs = latents if conditioning.concat is None else torch.cat([latents, conditioning.concat], dim=1)
    output: torch.Tensor = model(
        inputs.to(dtype), timesteps, conditioning.text.to(dtype), cross_attention_kwargs=attended or None, **told
    ).sample
    return output
