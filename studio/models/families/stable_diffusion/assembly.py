"""Makes a model of loaded parts, wherever they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from studio.errors import PackError
from studio.models.adapters.gligen import take_grounding
from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.autoencoders.previews import PreviewDecoder
from studio.models.catalogue import FACTOR, PackInfo
from studio.models.families.stable_diffusion.network import ARCHITECTURE, embedded_guidance, inpainting_channels
from studio.models.model import Denoiser, Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.weights.networks import settled
from studio.sampling.process import BetaSchedule
from studio.sampling.trace import Tables

DECODED_PIECE = 256  # latents a side that are decoded at once: the largest picture that can be asked for


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The parts of a pack of this family, wherever they were read from."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    text: TextEncoders
    schedule: BetaSchedule
    preview: PreviewDecoder
    model_hash: str


def assembled(info: PackInfo, parts: Checkpoint, device: torch.device) -> Pack:
    """A pack of loaded ``parts``. Raises `PackError` for a U-Net that is not of this family."""
    unet, autoencoder = settled(parts.unet, device), settled(parts.autoencoder, device)
    config = unet.config
    is_known = config.addition_embed_type in (None, "text_time") and config.class_embed_type is None
    channels = config.out_channels
    if not is_known or config.in_channels not in (channels, inpainting_channels(channels)):
        raise PackError(
            "{pack} is not of the Stable Diffusion family, or one of it that is not served so far.", pack=info.title
        )
    denoiser = Denoiser(
        network=unet,
        architecture=ARCHITECTURE,
        tables=Tables(parts.schedule),
        first_stage=Autoencoder(autoencoder, parts.preview.to(device), FACTOR, DECODED_PIECE),
        channels=channels,
        native_area=(info.size // FACTOR) ** 2,
        grounding=take_grounding(unet),
        sees_masks=config.in_channels == inpainting_channels(channels),
        knows_sizes=is_xl(unet),
        embedded_guidance=None if config.time_cond_proj_dim is None else embedded_guidance,
    )
    return Pack(info, denoiser, parts.text, parts.model_hash)


def two_encoders(first: Any, tokenizer: Any, second: Any, second_tokenizer: Any, empty_is_zero: bool) -> TextEncoders:
    """Those of SDXL."""
    towers = TextEncoder(first, tokenizer, "penultimate"), TextEncoder(second, second_tokenizer, "penultimate")
    return TextEncoders(towers, empty_is_zero)


def is_xl(unet: UNet2DConditionModel) -> bool:
    return bool(unet.config.addition_embed_type == "text_time")
