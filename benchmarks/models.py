"""What is served: a real pack, or U-Nets of the published sizes with random weights, since time does not depend on
the weights' values. FLOPs are counted, not guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio.models.acceleration.precision import make_fast, pick_dtype
from studio.models.autoencoders.previews import preview_of
from studio.models.catalogue import FACTOR, STORYBOOK, PackInfo
from studio.models.conditioning import ConditioningBatch
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled, is_xl, two_encoders
from studio.models.families.stable_diffusion.original import CONFIGURATIONS
from studio.models.loading import load_pack
from studio.models.model import Denoiser, Pack
from studio.models.registry import find_pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.text.tokenizers import clip_tokenizer
from studio.models.weights.networks import read_schedule
from studio.prompts import Lora
from studio.requests.limits import EXACT, FAST

FAMILIES = {"sd15": "stable-diffusion-1", "sdxl": "stable-diffusion-xl"}


@dataclass
class Work:
    """The floating-point operations of all model calls so far."""

    flops: float = 0.0


@dataclass(frozen=True, eq=False)
class Counted(Denoiser):
    """A denoiser that adds up its work."""

    work: Work = field(default_factory=Work)
    flops_of: dict[tuple[int, ...], float] = field(default_factory=dict)

    @classmethod
    def of(cls, denoiser: Denoiser) -> Counted:
        return cls(**{part.name: getattr(denoiser, part.name) for part in fields(Denoiser)})

    def __call__(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: ConditioningBatch,
        loras: tuple[Lora, ...] = (),
    ) -> torch.Tensor:
        """The work of layers for boxes and pictures is not added up; nobody in the benchmark brings any."""
        shape = tuple(latents.shape[1:])
        if shape not in self.flops_of:
            with FlopCounterMode(display=False) as counter:
                super().__call__(latents[:1], timesteps[:1], conditioning.first(), loras)
            self.flops_of[shape] = counter.get_total_flops()
        self.work.flops += len(latents) * self.flops_of[shape]
        return super().__call__(latents, timesteps, conditioning, loras)


def load(model: str, device: torch.device, precision: str | None = None) -> Pack:
    """Storybook, a pack's folder, "sd15" or "sdxl", with a denoiser that counts its work; ``precision`` as for
    `load_pack`."""
    if model in FAMILIES:
        pack = random_pack(model, device, precision)
    else:
        pack = load_pack(find_pack(model or STORYBOOK), device, precision=precision)
    return replace(pack, denoiser=Counted.of(pack.denoiser))


def random_pack(model: str, device: torch.device, precision: str | None = None) -> Pack:
    """Models of the published sizes with random weights, made on ``device`` in the type that it computes in."""
    folder, precision = CONFIGURATIONS / FAMILIES[model], precision or (FAST if device.type == "cuda" else EXACT)
    dtype, usual = pick_dtype(device, precision), torch.get_default_dtype()
    torch.manual_seed(0)
    try:
        torch.set_default_dtype(dtype)  # never in float32 first, which may not fit
        with device:
            unet = UNet2DConditionModel.from_config(folder / "unet")
            autoencoder = AutoencoderKL.from_config(folder / "vae")
            encoders = [_text_encoder(path) for path in sorted(folder.glob("text_encoder*"))]
    finally:
        torch.set_default_dtype(usual)
    tokenizers = [clip_tokenizer(encoder.config.pad_token_id) for encoder in encoders]
    if is_xl(unet):
        text = two_encoders(encoders[0], tokenizers[0], encoders[1], tokenizers[1], empty_is_zero=True)
    else:
        text = TextEncoders((TextEncoder(encoders[0], tokenizers[0]),))
    info = PackInfo(model, model, "", size=FACTOR * unet.config.sample_size)
    parts = Checkpoint(unet, autoencoder, text, read_schedule(folder), preview_of(autoencoder), model_hash="random")
    pack = replace(assembled(info, parts, device), precision=precision)
    if precision == FAST and device.type != "cuda":
        make_fast(pack)
    return pack


def _text_encoder(folder: Path) -> Any:
    config = CLIPTextConfig.from_pretrained(folder)
    kind = CLIPTextModelWithProjection if "CLIPTextModelWithProjection" in config.architectures else CLIPTextModel
    return kind(config).eval().requires_grad_(False)
