"""What is served: a real pack, or U-Nets of the published sizes with random weights, since time does not depend on
the weights' values. FLOPs are counted, not guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from studio.packs import stable_diffusion
from studio.packs.catalogue import FACTOR, STORYBOOK, PackInfo, find_pack
from studio.packs.conditioning import ConditioningBatch
from studio.packs.first_stage import FirstStage
from studio.packs.linear_decoder import four_colours
from studio.packs.loading import load_pack, pick_dtype
from studio.packs.pack import Denoiser, Pack
from studio.samplers.table import NoiseSchedule, Tables

# The configurations of the published checkpoints (`unet/config.json`), as far as they differ from diffusers' defaults.
UNETS: dict[str, dict[str, Any]] = {
    "sd15": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sdxl": {
        "sample_size": 128, "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
        "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": [1, 2, 10],
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}  # fmt: skip
AUTOENCODER: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
STABLE_DIFFUSION = NoiseSchedule("epsilon")


@dataclass
class Work:
    """The floating-point operations of all model calls so far."""

    flops: float = 0.0


@dataclass(frozen=True, eq=False)
class Counted(Denoiser):
    """A denoiser that adds up its work; ``conditions`` are what SDXL wants beside the prompt, for one input."""

    work: Work = field(default_factory=Work)
    conditions: dict[str, torch.Tensor] = field(default_factory=dict)
    flops_of: dict[tuple[int, ...], float] = field(default_factory=dict)

    @classmethod
    def of(cls, denoiser: Denoiser, conditions: dict[str, torch.Tensor] | None = None) -> Counted:
        parts = {part.name: getattr(denoiser, part.name) for part in fields(Denoiser)}
        return cls(**parts, conditions=conditions or {})

    def __call__(self, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch) -> torch.Tensor:
        """The work of layers for boxes and pictures is not added up; nobody in the benchmark brings any."""
        conditioning = self._completed(conditioning)
        shape = tuple(latents.shape[1:])
        if shape not in self.flops_of:
            with FlopCounterMode(display=False) as counter:
                super().__call__(latents[:1], timesteps[:1], conditioning.first())
            self.flops_of[shape] = counter.get_total_flops()
        self.work.flops += len(latents) * self.flops_of[shape]
        return super().__call__(latents, timesteps, conditioning)

    def _completed(self, conditioning: ConditioningBatch) -> ConditioningBatch:
        return replace(
            conditioning, **{name: part.expand(len(conditioning), -1) for name, part in self.conditions.items()}
        )


def predict_sdxl(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    """The published U-Net's call, which the studio has no family for yet."""
    dtype = model.dtype
    added = {"text_embeds": conditioning.pooled.to(dtype), "time_ids": conditioning.time_ids.to(dtype)}
    return model(latents.to(dtype), timesteps, conditioning.text.to(dtype), added_cond_kwargs=added).sample


def load(model: str, device: torch.device) -> Pack:
    """Storybook, a pack's folder, "sd15" or "sdxl", with a denoiser that counts its work."""
    pack = random_pack(model, device) if model in UNETS else load_pack(find_pack(model or STORYBOOK), device)
    conditions = {}
    if model == "sdxl":
        conditions = {"pooled": torch.randn(1, 1280), "time_ids": torch.full((1, 6), 1024.0)}
        conditions = {name: value.to(device, pack.denoiser.unet.dtype) for name, value in conditions.items()}
    return replace(pack, denoiser=Counted.of(pack.denoiser, conditions))


def random_pack(model: str, device: torch.device) -> Pack:
    """Full-size models with random weights, made on ``device`` in the type that it computes in."""
    config, dtype = UNETS[model], pick_dtype(device)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(f"{find_pack(STORYBOOK).source}/tokenizer")
    torch.manual_seed(0)
    with device:
        unet = UNet2DConditionModel(**config)
        autoencoder = AutoencoderKL(**AUTOENCODER)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=config["cross_attention_dim"],
                num_hidden_layers=1,
                num_attention_heads=config["cross_attention_dim"] // 64,
            )
        )
    unet, autoencoder, text_encoder = (
        part.eval().requires_grad_(False).to(dtype) for part in (unet, autoencoder, text_encoder)
    )
    size = 8 * config["sample_size"]
    denoiser = Denoiser(
        unet.to(memory_format=torch.channels_last), predict_sdxl if model == "sdxl" else stable_diffusion.predict,
        Tables(STABLE_DIFFUSION), FirstStage(autoencoder, four_colours(), FACTOR), channels=4,
        native_area=config["sample_size"] ** 2,
    )  # fmt: skip
    info = PackInfo(model, model, "", size=size)
    return Pack(info, denoiser, text_encoder, tokenizer, model_hash="random")
