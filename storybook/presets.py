"""The sizes Storybook comes in: ``small`` trains on two CPU cores in hours, ``full`` is meant for one large GPU.

``toy`` is for the test suite: every stage end to end in seconds, nothing worth looking at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """How long one stage trains: ``steps`` of ``batch`` samples at a peak learning rate ``rate``, but no longer than
    ``minutes``: the learning rate then cools down in time."""

    steps: int
    batch: int
    rate: float
    minutes: float | None = None


@dataclass(frozen=True)
class Preset:
    """``size`` is the side of the pictures in pixels, ``crop`` that of the pieces the first stage sees, ``vision_side``
    that of what the vision tower sees; ``latent_channels`` are those of the first stage; with ``finest_attention`` the
    denoiser's finest level attends to itself and to words, too."""

    name: str
    size: int
    scenes: int
    crop: int
    autoencoder: Stage
    autoencoder_widths: tuple[int, ...]
    decoder: Stage
    text: Stage
    denoiser: Stage
    denoiser_widths: tuple[int, ...]
    text_width: int
    text_layers: int
    layout: Stage
    reader: Stage
    fine_scenes: int
    vq: Stage
    vq_widths: tuple[int, ...]
    upscaler: Stage
    upscaler_widths: tuple[int, ...]
    clip: Stage
    vision_side: int
    vision_width: int
    vision_layers: int
    image_prompt: Stage
    few_steps: Stage
    latent_channels: int = 4
    finest_attention: bool = False

    @property
    def fine_size(self) -> int:
        """The side of the pictures that super-resolution makes out of those of ``size``."""
        return 4 * self.size

    @property
    def latent_side(self) -> int:
        return self.size // 8

    def autoencoder_config(self) -> dict[str, Any]:
        """For ``diffusers.AutoencoderKL``: KL-f8, no attention (it is for flat scenes)."""
        levels = len(self.autoencoder_widths)
        return {
            "block_out_channels": self.autoencoder_widths,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "layers_per_block": 1,
            "latent_channels": self.latent_channels,
            "norm_num_groups": 8,
            "mid_block_add_attention": False,
            "sample_size": self.size,
        }

    def vq_config(self) -> dict[str, Any]:
        """For ``diffusers.VQModel``: VQ-f4, three latent channels, no attention, so that it takes any size."""
        levels = len(self.vq_widths)
        return {
            "block_out_channels": self.vq_widths,
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "layers_per_block": 1,
            "latent_channels": 3,
            "num_vq_embeddings": 2048,
            "norm_num_groups": 8,
            "mid_block_add_attention": False,
            "sample_size": self.size,
            "scaling_factor": 1.0,
        }

    def upscaler_config(self) -> dict[str, Any]:
        """For ``diffusers.UNet2DModel``: latent and low-resolution picture in, v out."""
        levels = len(self.upscaler_widths)
        return {
            "sample_size": self.size // 4,
            "in_channels": 6,
            "out_channels": 3,
            "block_out_channels": self.upscaler_widths,
            "down_block_types": ("DownBlock2D",) * levels,
            "up_block_types": ("UpBlock2D",) * levels,
            "layers_per_block": 1,
            "norm_num_groups": 16,
            "add_attention": False,
        }

    def denoiser_config(self) -> dict[str, Any]:
        """For ``diffusers.UNet2DConditionModel``: latent, mask and masked latent in, v out.

        Without attention at the finest level a training step on two CPU cores takes three fifths of the time.
        """
        finest = "CrossAttn" if self.finest_attention else ""
        deeper = len(self.denoiser_widths) - 1
        return {
            "sample_size": self.latent_side,
            "in_channels": 2 * self.latent_channels + 1,
            "out_channels": self.latent_channels,
            "block_out_channels": self.denoiser_widths,
            "down_block_types": (f"{finest}DownBlock2D",) + ("CrossAttnDownBlock2D",) * deeper,
            "up_block_types": ("CrossAttnUpBlock2D",) * deeper + (f"{finest}UpBlock2D",),
            "layers_per_block": 1,
            "cross_attention_dim": self.text_width,
            "attention_head_dim": 4,  # diffusers reads this as the number of heads
            "norm_num_groups": 16,
        }


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="toy", size=64, scenes=48, crop=32,
            autoencoder=Stage(4, 4, 1e-3), autoencoder_widths=(8, 8, 16, 16),
            decoder=Stage(4, 4, 1e-3),
            text=Stage(4, 4, 1e-3), denoiser=Stage(4, 4, 1e-3), denoiser_widths=(16, 32), text_width=32, text_layers=1,
            layout=Stage(4, 4, 1e-3),
            reader=Stage(4, 4, 1e-3),
            fine_scenes=4, vq=Stage(4, 4, 1e-3), vq_widths=(8, 8, 16),
            upscaler=Stage(4, 4, 1e-3), upscaler_widths=(16, 32),
            clip=Stage(4, 4, 1e-3), vision_side=32, vision_width=16, vision_layers=1, image_prompt=Stage(4, 4, 1e-3),
            few_steps=Stage(4, 4, 1e-3),
        ),
        Preset(
            name="small", size=128, scenes=20_000, crop=128,
            autoencoder=Stage(10_400, 8, 1e-3), autoencoder_widths=(16, 32, 64, 128),
            decoder=Stage(5_000, 8, 5e-4),
            text=Stage(3_200, 96, 1e-3),
            denoiser=Stage(20_000, 48, 8e-4), denoiser_widths=(96, 160, 192), text_width=192, text_layers=4,
            layout=Stage(4_000, 48, 8e-4),
            reader=Stage(4_000, 64, 2e-3),
            fine_scenes=2_000, vq=Stage(6_000, 8, 2e-3), vq_widths=(16, 32, 48),
            upscaler=Stage(8_000, 32, 1e-3), upscaler_widths=(48, 64, 64),
            clip=Stage(5_000, 128, 1e-3), vision_side=96, vision_width=96, vision_layers=4,
            image_prompt=Stage(5_000, 48, 8e-4),
            few_steps=Stage(1_500, 32, 5e-4), latent_channels=8, finest_attention=True,
        ),
        Preset(
            name="full", size=256, scenes=60_000, crop=128,
            autoencoder=Stage(12_000, 64, 1e-3, 5.0), autoencoder_widths=(32, 64, 128, 128),
            decoder=Stage(6_000, 32, 5e-4, 3.0),
            text=Stage(3_000, 256, 1e-3, 1.5),
            denoiser=Stage(30_000, 256, 6e-4, 8.0), denoiser_widths=(96, 160, 192), text_width=192, text_layers=4,
            layout=Stage(10_000, 256, 6e-4, 4.0),
            reader=Stage(3_000, 128, 2e-3, 1.5),
            fine_scenes=4_000, vq=Stage(8_000, 16, 1e-3, 3.0), vq_widths=(16, 32, 48),
            upscaler=Stage(12_000, 128, 1e-3, 4.0), upscaler_widths=(48, 64, 64),
            clip=Stage(6_000, 512, 1e-3, 3.0), vision_side=96, vision_width=96, vision_layers=4,
            image_prompt=Stage(6_000, 256, 6e-4, 4.0),
            few_steps=Stage(4_000, 256, 3e-4, 3.0), latent_channels=8, finest_attention=True,
        ),
    )
}  # fmt: skip
