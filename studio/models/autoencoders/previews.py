"""A linear stand-in for an autoencoder's decoder, cheap enough to run at every step.

Each block of pixels is a weighted sum of the latents in its neighbourhood, fitted by least squares against the real
decoder. With a 3x3 neighbourhood and blocks as large as the decoder's own, a preview has the picture's full size
and costs less than a hundredth of decoding; with a neighbourhood of one and blocks of one pixel it is the familiar
table of four colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch.nn import functional as F

# Red, green and blue of each of the four latent channels of Stable Diffusion 1's autoencoder, as ComfyUI measured them.
STABLE_DIFFUSION_1 = (
    (0.3512, 0.2297, 0.3227),
    (0.3250, 0.4974, 0.2350),
    (-0.2829, 0.1762, 0.2721),
    (-0.2120, -0.2616, -0.7177),
)
# Likewise of SDXL's.
STABLE_DIFFUSION_XL = (
    (0.3651, 0.4232, 0.4341),
    (-0.2533, -0.0042, 0.1068),
    (0.1076, 0.1111, -0.0362),
    (-0.3165, -0.2492, -0.2188),
)
STABLE_DIFFUSION_XL_BIAS = (0.1084, -0.0175, -0.0011)
# And of the x4 upscaler's.
X4_UPSCALER = (
    (-0.2340, -0.3863, -0.3257),
    (0.0994, 0.0885, -0.0908),
    (-0.2833, -0.2349, -0.3741),
    (0.2523, -0.0055, -0.1651),
)
NO_BIAS = (0.0, 0.0, 0.0)
Colours: TypeAlias = tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]  # of each channel, and the bias
# By an autoencoder's number of channels and the scale of its latents: the colours of each channel, and the bias.
COLOURS: dict[tuple[int, float], Colours] = {
    (4, 0.18215): (STABLE_DIFFUSION_1, NO_BIAS),
    (4, 0.13025): (STABLE_DIFFUSION_XL, STABLE_DIFFUSION_XL_BIAS),
    (4, 0.08333): (X4_UPSCALER, NO_BIAS),
}


class PreviewDecoder(Protocol):
    """What stands in for a decoder at every step: scaled latents [B, C, h, w] to pictures [B, 3, h * block, w * block],
    about -1..1."""

    @property
    def block(self) -> int: ...

    def __call__(self, latents: torch.Tensor) -> torch.Tensor: ...

    def to(self, device: torch.device) -> PreviewDecoder: ...


@dataclass(frozen=True)
class TinyDecoder:
    """``model`` was distilled from a whole decoder (TAESD): sharper than a linear map, and a hundred times its work."""

    model: Any

    @property
    def block(self) -> int:
        return int(2 ** (len(self.model.config.decoder_block_out_channels) - 1))

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            pictures: torch.Tensor = self.model.decode(latents.to(self.model.dtype)).sample.float()
        return pictures

    def to(self, device: torch.device) -> TinyDecoder:
        return TinyDecoder(self.model.to(device))


@dataclass(frozen=True)
class LinearDecoder:
    """``weight`` [3 * block * block, C, k, k] and ``bias`` [3 * block * block], as of a convolution; k is odd."""

    weight: torch.Tensor
    bias: torch.Tensor
    block: int

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents [B, C, h, w] -> pictures [B, 3, h * block, w * block], about -1..1."""
        blocks = F.conv2d(latents, self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        return F.pixel_shuffle(blocks, self.block)

    def to(self, device: torch.device) -> LinearDecoder:
        return LinearDecoder(self.weight.to(device), self.bias.to(device), self.block)


def four_colours() -> LinearDecoder:
    """For packs of the Stable Diffusion 1 family that bring no fit of their own: one pixel a latent."""
    weight = torch.tensor(STABLE_DIFFUSION_1).T[:, :, None, None].contiguous()
    return LinearDecoder(weight, torch.zeros(3), block=1)


def preview_of(autoencoder: Any, colours: Colours | None = None) -> LinearDecoder:
    """The table of ``colours`` of a family, or the one that is known for a published ``autoencoder`` by its number of
    channels and the scale of its latents; for any other, three of its channels as red, green and blue."""
    channels, scale = autoencoder.config.latent_channels, autoencoder.config.scaling_factor
    known = colours or COLOURS.get((channels, scale)) or (COLOURS[4, 0.18215] if channels == 4 else None)
    if known is None:
        return LinearDecoder(torch.eye(3, channels)[:, :, None, None].contiguous(), torch.zeros(3), block=1)
    table, bias = known
    return LinearDecoder(torch.tensor(table).T[:, :, None, None].contiguous(), torch.tensor(bias), block=1)


def fit(latents: torch.Tensor, pictures: torch.Tensor, neighbourhood: int = 3) -> LinearDecoder:
    """Least squares from scaled latents [B, C, h, w] to decoded pictures [B, 3, h * block, w * block]."""
    block = pictures.shape[-1] // latents.shape[-1]
    channels = latents.shape[1]
    around = F.unfold(latents, neighbourhood, padding=neighbourhood // 2).transpose(1, 2).flatten(0, 1)
    around = torch.cat([around, torch.ones_like(around[:, :1])], dim=1).double()
    target = F.pixel_unshuffle(pictures, block).flatten(2).transpose(1, 2).flatten(0, 1).double()
    solution = torch.linalg.lstsq(around, target).solution.float()
    weight = solution[:-1].T.reshape(-1, channels, neighbourhood, neighbourhood).contiguous()
    return LinearDecoder(weight, solution[-1].contiguous(), block)
