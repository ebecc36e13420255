"""Loads FLUX.1 from a diffusers folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import FluxTransformer2DModel
from transformers import CLIPTextModel, T5EncoderModel

from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.catalogue import FACTOR, PackInfo
from studio.models.families.flux.network import ARCHITECTURE
from studio.models.families.flux.text import FluxText
from studio.models.model import Denoiser, Pack
from studio.models.text.t5 import T5TextEncoder
from studio.models.text.tokenizers import load_tokenizer
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import load_autoencoder, load_model, read_flow, read_preview
from studio.sampling.trace import Tables

# Red, green and blue of each of its autoencoder's channels, as ComfyUI measured them, and what is added.
COLOURS = ((
    (-0.0346, 0.0244, 0.0681), (0.0034, 0.0210, 0.0687), (0.0275, -0.0668, -0.0433), (-0.0174, 0.0160, 0.0617),
    (0.0859, 0.0721, 0.0329), (0.0004, 0.0383, 0.0115), (0.0405, 0.0861, 0.0915), (-0.0236, -0.0185, -0.0259),
    (-0.0245, 0.0250, 0.1180), (0.1008, 0.0755, -0.0421), (-0.0515, 0.0201, 0.0011), (0.0428, -0.0012, -0.0036),
    (0.0817, 0.0765, 0.0749), (-0.1264, -0.0522, -0.1103), (-0.0280, -0.0881, -0.0499), (-0.1262, -0.0982, -0.0778),
), (-0.0329, -0.0718, -0.0851))  # fmt: skip
DECODED_PIECE = 256  # latents a side that are decoded at once
LONGEST = {True: 512, False: 256}  # T5's tokens, as dev (which is told its guidance) and schnell were trained


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """The model in ``folder``; ``report`` hears how far it is, 0..1. Raises `PackError`."""
    process = read_flow(folder)
    transformer = load_model(FluxTransformer2DModel, folder / "transformer", dtype, device)
    report(0.6)
    autoencoder = load_autoencoder(folder, Path(info.source), dtype, device)
    clip = load_model(CLIPTextModel, folder / "text_encoder", dtype, device)
    t5 = load_model(T5EncoderModel, folder / "text_encoder_2", dtype, device)
    report(0.9)
    is_guided = bool(transformer.config.guidance_embeds)
    preview = read_preview(folder, autoencoder, COLOURS)
    denoiser = Denoiser(
        network=transformer,
        architecture=ARCHITECTURE,
        tables=Tables(process),
        first_stage=Autoencoder(autoencoder, preview.to(device), FACTOR, DECODED_PIECE),
        channels=autoencoder.config.latent_channels,
        native_area=(info.size // FACTOR) ** 2,
        traces=False,
        embedded_guidance=float if is_guided else None,
    )
    words = T5TextEncoder(t5, load_tokenizer(folder / "tokenizer_2"), LONGEST[is_guided])
    return Pack(info, denoiser, FluxText(clip, load_tokenizer(folder / "tokenizer"), words), hash_of_folder(folder))
