"""A seeded miniature of the Storybook architecture: real classes at toy widths with random weights.

Numerics are tested on it, because it takes milliseconds and because a trained model would hide errors that random
weights show.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel, UNet2DModel, VQModel
from diffusers.models.embeddings import ImageProjection
from transformers import AutoTokenizer, CLIPTextModel, CLIPVisionModelWithProjection

from storybook import clip, text_encoder
from storybook.presets import PRESETS
from studio.images.pixels import Pixels
from studio.models.adapters.clip import Clip
from studio.models.adapters.gligen import take_grounding
from studio.models.adapters.ip_adapter import add_image_attention
from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.autoencoders.previews import LinearDecoder, four_colours
from studio.models.catalogue import FACTOR, PACKS, STORYBOOK, PackInfo
from studio.models.families.latent_upscaler import loading as latent_upscaler
from studio.models.families.stable_diffusion import network as stable_diffusion
from studio.models.model import Denoiser, Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.requests import kinds
from studio.requests.interpolate import Interpolate
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Request
from studio.requests.text_to_image import TextToImage
from studio.requests.vary import Vary
from studio.sampling.process import BetaSchedule
from studio.sampling.trace import Tables

NAME = "miniature"
SIDE = 64
TOKENIZER = f"{PACKS[STORYBOOK].source}/tokenizer"


def make_unet(seed: int = 0, *, sees_masks: bool = True, takes_boxes: bool = True) -> UNet2DConditionModel:
    """A U-Net whose every weight, zero-initialised ones included, is random, with nine input channels or four, and
    with layers for boxes whose gates are half open, or without."""
    torch.manual_seed(seed)
    config = {**PRESETS["toy"].denoiser_config(), "in_channels": 9 if sees_masks else 4}
    unet = UNet2DConditionModel(**config, attention_type="gated" if takes_boxes else "default")
    for name, parameter in unet.eval().requires_grad_(False).named_parameters():
        parameter.copy_(parameter + 0.05 * torch.randn_like(parameter) + (0.5 if ".alpha_" in name else 0.0))
    return unet


EVERYTHING = frozenset[str]().union(*(kind.NEEDS for kind in kinds().values()))


def make_pack(
    prediction: str = "v_prediction", seed: int = 0, *, sees_masks: bool = True, takes_boxes: bool = True
) -> Pack:
    """A pack of random weights; for the options see `make_unet`."""
    preset = PRESETS["toy"]
    unet = make_unet(seed, sees_masks=sees_masks, takes_boxes=takes_boxes)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    autoencoder = AutoencoderKL(**preset.autoencoder_config()).eval().requires_grad_(False)
    text = CLIPTextModel(text_encoder.config(preset, tokenizer)).eval().requires_grad_(False)
    for parameter in text.parameters():
        parameter.copy_(parameter + 0.05 * torch.randn_like(parameter))
    grounding, area = take_grounding(unet), (SIDE // 8) ** 2
    first_stage, projection = Autoencoder(autoencoder, four_colours(), FACTOR), make_image_prompt(unet)
    architecture, tables = stable_diffusion.ARCHITECTURE, Tables(BetaSchedule(prediction))
    denoiser = Denoiser(unet, architecture, tables, first_stage, 4, area, grounding, projection, sees_masks=sees_masks)
    info, upscaler = (
        PackInfo(NAME, "Miniature", "", size=SIDE, capabilities=EVERYTHING, cascades=True),
        make_upscaler(prediction),
    )
    words = TextEncoders((TextEncoder(text, tokenizer),))
    return Pack(info, denoiser, words, model_hash="0123456789", upscaler=upscaler, clip=make_clip())


def make_image_prompt(unet: UNet2DConditionModel) -> ImageProjection:
    """Gives ``unet`` random layers for pictures and returns what makes their tokens."""
    width = unet.config.cross_attention_dim
    torch.manual_seed(2)
    projection, layers = ImageProjection(width, width, 4), add_image_attention(unet)
    for parameter in (*projection.parameters(), *layers.parameters()):
        parameter.requires_grad_(False).copy_(parameter + 0.2 * torch.randn_like(parameter))
    return projection.eval()


def make_clip() -> Clip:
    """A vision tower and a text projection of random weights."""
    preset = PRESETS["toy"]
    torch.manual_seed(3)
    vision = CLIPVisionModelWithProjection(clip.config(preset)).eval().requires_grad_(False)
    for parameter in vision.parameters():
        parameter.copy_(parameter + 0.05 * torch.randn_like(parameter))
    none, projection = torch.zeros(3, 1, 1), torch.randn(preset.text_width, preset.text_width)
    return Clip(vision, none, none + 1, projection)


def make_upscaler(prediction: str = "v_prediction") -> Denoiser:
    """Likewise, for super-resolution."""
    preset = PRESETS["toy"]
    torch.manual_seed(1)
    unet, autoencoder = UNet2DModel(**preset.upscaler_config()), VQModel(**preset.vq_config())
    for parameter in (*unet.parameters(), *autoencoder.parameters()):
        parameter.requires_grad_(False).copy_(parameter + 0.05 * torch.randn_like(parameter))
    weight = torch.randn(3, 3, 1, 1)
    first_stage = Autoencoder(autoencoder.eval(), LinearDecoder(weight, torch.zeros(3), block=1), 4, piece=64)
    architecture, tables = latent_upscaler.ARCHITECTURE, Tables(BetaSchedule(prediction))
    return Denoiser(unet.eval(), architecture, tables, first_stage, 3, latent_upscaler.NATIVE_AREA)


def ask(prompt: str = "a red house", **changes: object) -> TextToImage:
    """A small request to the miniature."""
    values: dict[str, object] = {"pack": NAME, "width": SIDE, "height": SIDE, "steps": 4}
    return TextToImage(prompt=prompt, **{**values, **changes})  # type: ignore[arg-type]


HOUSE, BOAT = {"phrase": "a red house", "box": [0.1, 0.3, 0.5, 0.9]}, {"phrase": "蓝船", "box": [0.6, 0.5, 0.9, 0.8]}


def ask_layout(prompt: str = "", **changes: object) -> LayoutToImage:
    """A small layout for the miniature."""
    values: dict[str, object] = {"pack": NAME, "width": SIDE, "height": SIDE, "steps": 4, "boxes": (HOUSE, BOAT)}
    return LayoutToImage(prompt=prompt, **{**values, **changes})  # type: ignore[arg-type]


SOURCE, OTHER = (
    Pixels.of(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE + 16, 3), dtype=np.uint8)) for seed in (2, 3)
)


def ask_vary(**changes: object) -> Vary:
    """A small variation of SOURCE."""
    values: dict[str, object] = {"pack": NAME, "width": SIDE, "height": SIDE, "steps": 4, "image": SOURCE.digest}
    return Vary(**{**values, **changes})  # type: ignore[arg-type]


def ask_interpolate(**changes: object) -> Interpolate:
    """A small way from SOURCE to OTHER."""
    values: dict[str, object] = {"pack": NAME, "width": SIDE, "height": SIDE, "steps": 4, "image": SOURCE.digest}
    return Interpolate(**{**values, "other": OTHER.digest, **changes})  # type: ignore[arg-type]


def own_fields(kind: type[Request]) -> dict[str, Any]:
    """Values for what a kind of request needs beside images and pack; a picture that it names has sides of SIDE."""
    needed = {field.name for field in dataclasses.fields(kind)}
    side = SIDE * 4 if "scale" in needed else SIDE
    values = {"prompt": "a red house", "boxes": (HOUSE, BOAT), "width": side, "height": side}
    return {name: value for name, value in values.items() if name in needed}


def write_pack(folder: Path, *, shard: str = "5GB", seed: int = 7) -> Path:
    """A diffusers folder of random weights in the layout of Stable Diffusion 1, four channels and no extras; with a
    small ``shard``, its U-Net lies in several files."""
    pack = make_pack("epsilon", seed, sees_masks=False, takes_boxes=False)
    make_unet(seed, sees_masks=False, takes_boxes=False).save_pretrained(folder / "unet", max_shard_size=shard)
    pack.first_stage.model.save_pretrained(folder / "vae")
    pack.tower.model.save_pretrained(folder / "text_encoder")
    pack.tower.tokenizer.save_pretrained(folder / "tokenizer")
    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(
        folder / "scheduler"
    )
    return folder
