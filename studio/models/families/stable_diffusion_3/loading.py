"""Loads Stable Diffusion 3 from a diffusers folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import SD3Transformer2DModel
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.catalogue import FACTOR, PackInfo
from studio.models.families.stable_diffusion_3.network import ARCHITECTURE
from studio.models.families.stable_diffusion_3.text import StableDiffusion3Text
from studio.models.model import Denoiser, Pack
from studio.models.text.encoders import TextEncoder
from studio.models.text.t5 import T5TextEncoder
from studio.models.text.tokenizers import load_tokenizer
from studio.models.weights.hashing import hash_of_folder
from studio.models.weights.networks import load_autoencoder, load_model, read_flow, read_preview
from studio.sampling.trace import Tables

# Red, green and blue of each of its autoencoder's channels, as ComfyUI measured them, and what is added.
COLOURS = ((
    (-0.0645, 0.0177, 0.1052), (0.0028, 0.0312, 0.0650), (0.1848, 0.0762, 0.0360), (0.0944, 0.0360, 0.0889),
    (0.0897, 0.0506, -0.0364), (-0.0020, 0.1203, 0.0284), (0.0855, 0.0118, 0.0283), (-0.0539, 0.0658, 0.1047),
    (-0.0057, 0.0116, 0.0700), (-0.0412, 0.0281, -0.0039), (0.1106, 0.1171, 0.1220), (-0.0248, 0.0682, -0.0481),
    (0.0815, 0.0846, 0.1207), (-0.0120, -0.0055, -0.0867), (-0.0749, -0.0634, -0.0456), (-0.1418, -0.1457, -0.1259),
), (0.0, 0.0, 0.0))  # fmt: skip
DECODED_PIECE = 256  # latents a side that are decoded at once
LONGEST = 256  # tokens of T5


def load(
    info: PackInfo, folder: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    """The model in ``folder``; ``report`` hears how far it is, 0..1. Raises `PackError`."""
    process = read_flow(folder, trained=True)
    transformer = load_model(SD3Transformer2DModel, folder / "transformer", dtype, device)
    report(0.5)
    autoencoder = load_autoencoder(folder, Path(info.source), dtype, device)
    preview = read_preview(folder, autoencoder, COLOURS)
    denoiser = Denoiser(
        network=transformer,
        architecture=ARCHITECTURE,
        tables=Tables(process),
        first_stage=Autoencoder(autoencoder, preview.to(device), FACTOR, DECODED_PIECE),
        channels=autoencoder.config.latent_channels,
        native_area=(info.size // FACTOR) ** 2,
        traces=False,
    )
    width = transformer.config.joint_attention_dim
    return Pack(info, denoiser, _load_text(folder, width, dtype, device), hash_of_folder(folder))


def _load_text(folder: Path, width: int, dtype: torch.dtype, device: torch.device) -> StableDiffusion3Text:
    first, second = (
        TextEncoder(
            load_model(CLIPTextModelWithProjection, folder / f"text_encoder{number}", dtype, device),
            load_tokenizer(folder / f"tokenizer{number}"),
            "penultimate",
        )
        for number in ("", "_2")
    )
    t5 = None
    if (folder / "text_encoder_3").is_dir():
        encoder = load_model(T5EncoderModel, folder / "text_encoder_3", dtype, device)
        t5 = T5TextEncoder(encoder, load_tokenizer(folder / "tokenizer_3"), LONGEST)
    return StableDiffusion3Text((first, second), t5, width, LONGEST)
