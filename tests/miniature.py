"""A seeded miniature of the Storybook architecture: real classes at toy widths with random weights.

Numerics are tested on it, because it takes milliseconds and because a trained model would hide errors that random
weights show.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import AutoTokenizer, CLIPTextModel

from studio.packs.catalogue import PACKS, STORYBOOK, PackInfo
from studio.packs.linear_decoder import four_colours
from studio.packs.pack import Denoiser, Pack
from studio.requests import TextToImage
from studio.samplers.table import NoiseSchedule, Tables
from studio.training import text_encoder
from studio.training.presets import PRESETS

NAME = "miniature"
SIDE = 64
TOKENIZER = f"{PACKS[STORYBOOK].source}/tokenizer"


def make_pack(prediction: str = "v_prediction", seed: int = 0, *, sees_masks: bool = True) -> Pack:
    """A pack whose every weight, zero-initialised ones included, is random; its denoiser has nine input channels or,
    if it does not see masks, four."""
    preset = PRESETS["toy"]
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    config = {**preset.denoiser_config(), "in_channels": 9 if sees_masks else 4}
    unet = UNet2DConditionModel(**config).eval().requires_grad_(False)
    autoencoder = AutoencoderKL(**preset.autoencoder_config()).eval().requires_grad_(False)
    text = CLIPTextModel(text_encoder.config(preset, tokenizer)).eval().requires_grad_(False)
    for parameter in [*unet.parameters(), *text.parameters()]:
        parameter.copy_(parameter + 0.05 * torch.randn_like(parameter))
    denoiser = Denoiser(unet, Tables(NoiseSchedule(prediction)), channels=4, native_area=(SIDE // 8) ** 2)
    info = PackInfo(NAME, "Miniature", "", size=SIDE)
    return Pack(info, denoiser, autoencoder, text, tokenizer, four_colours(), model_hash="0123456789")


def ask(prompt: str = "a red house", **changes: object) -> TextToImage:
    """A small request to the miniature."""
    values: dict[str, object] = {"pack": NAME, "width": SIDE, "height": SIDE, "steps": 4}
    return TextToImage(prompt=prompt, **{**values, **changes})  # type: ignore[arg-type]
