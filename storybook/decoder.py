"""A sharper decoder for the finished autoencoder; the encoder, and with it every latent, stays as it is.

    python -m storybook.decoder --preset small

The same losses as the first stage's, but half of the latents carry a little noise, as drawn ones do.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import nn

from storybook import autoencoder, critic, dataset, grids
from storybook.autoencoder import INSIDE, psnr, reconstruction_loss
from storybook.run import CHECKPOINT, Options, Run, options, pick_autocast
from studio.models.autoencoders.autoencoder import to_pictures

NOISY, LARGEST_NOISE = 0.5, 0.15  # the share of latents with noise, and its largest deviation; latents have 1


class Decoder(nn.Module):
    """The part of an autoencoder that this stage trains."""

    def __init__(self, whole: AutoencoderKL) -> None:
        super().__init__()
        self.post_quant_conv, self.decoder = whole.post_quant_conv, whole.decoder

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Unscaled latents [B, C, h, w] -> pictures [B, 3, 8 h, 8 w] in -1..1."""
        return self.decoder(self.post_quant_conv(latents))


def has_run(options: Options) -> bool:
    return (options.folder / "decoder" / CHECKPOINT).exists()


def trained(options: Options) -> AutoencoderKL:
    """The finished autoencoder with this stage's averaged decoder, if it was trained."""
    whole = autoencoder.trained(options)
    if has_run(options):
        Run("decoder", Decoder(whole), options.preset.decoder, options).averaged(Decoder(whole))
    return whole


def train(options: Options) -> None:
    """Trains or resumes the stage; prints its figures on unseen scenes at each picture grid."""
    preset = options.preset
    critic.train(options)
    judge = critic.trained(options)
    whole = autoencoder.trained(options).requires_grad_(False)
    model = Decoder(autoencoder.trained(options)).requires_grad_(True)
    run = Run("decoder", model, preset.decoder, options)
    pixels = dataset.pictures(preset, options.folder)
    samples = dataset.batches(preset.scenes, preset.decoder.batch, run.step)
    probe = to_pictures(dataset.unseen(32, preset.size)).to(options.device)
    autocast = pick_autocast(options.device)
    deviation = 1 / whole.config.scaling_factor

    def loss_of(step: int) -> torch.Tensor:
        indices = np.sort(next(samples))
        target = to_pictures(pixels[indices]).to(options.device)
        things = np.stack([dataset.things_of(int(index), preset.size) for index in indices])
        weights = 1 + (INSIDE - 1) * torch.from_numpy(things)[:, None].float().to(options.device)
        generator = torch.Generator().manual_seed(step)
        amounts = torch.rand(len(target), 1, 1, 1, generator=generator) * LARGEST_NOISE * deviation
        amounts = amounts * (torch.rand(len(target), 1, 1, 1, generator=generator) < NOISY)
        with torch.no_grad():
            latents = whole.encode(target).latent_dist.mean
            noise = torch.randn(latents.shape, generator=generator)
            latents = latents + (amounts * noise).to(latents.device)
        output = model(latents)
        with autocast:
            perceptual = critic.perceptual_loss(judge, output, target)
        return reconstruction_loss(output, target, weights / weights.mean()) + critic.WEIGHT * perceptual.float()

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(Decoder(autoencoder.build(options)))
        output = average(whole.encode(probe).latent_dist.mean)
        distance = float(critic.perceptual_loss(judge, output, probe))
        print(f"\nstep {run.step}: PSNR {psnr(output, probe):.2f} dB, perceptual {distance:.4f}", flush=True)
        grids.save(run.folder / "grid.png", [probe[:8], output[:8], probe[8:16], output[8:16]])

    run.train(loss_of, show, show_every=250)


if __name__ == "__main__":
    train(options("decoder"))
