"""The first stage: a KL-regularised autoencoder, f = 8 (Rombach et al. 2022, section 3.1).

    python -m storybook.autoencoder --preset small

Trained on random pieces, which may be whole pictures. Flat scenes with hard edges come out clean with L1 on pixels and
on their differences. L1 alone lets small rare things vanish (where it is unsure it takes the median, which is
background), so squares keep them in; and a critic asks for what things are told by, where they have little contrast.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch.nn import functional as F

from storybook import critic, dataset, grids
from storybook.run import Options, Run, options, pick_autocast
from studio.models.autoencoders.autoencoder import to_pictures

KL_WEIGHT = 5e-4  # on the mean over latent values; enough to keep the latents smooth, too little to blur
EDGE_WEIGHT = 0.5
SQUARE_WEIGHT = 8.0
INSIDE = 4.0  # what a pixel within a thing's box counts: things are few and small, and what pictures are about


def reconstruction_loss(
    output: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """L1 and squares on pixels, L1 on the differences of neighbours, which keeps edges sharp. [B, 3, H, W] each, and
    what each pixel counts, [B, 1, H, W]."""
    weights = torch.ones_like(target[:, :1]) if weights is None else weights
    error = output - target
    down, across = error[:, :, 1:] - error[:, :, :-1], error[:, :, :, 1:] - error[:, :, :, :-1]
    return (
        (weights * error.abs()).mean()
        + SQUARE_WEIGHT * (weights * error.square()).mean()
        + EDGE_WEIGHT * ((weights[:, :, 1:] * down.abs()).mean() + (weights[:, :, :, 1:] * across.abs()).mean())
    )


def psnr(output: torch.Tensor, target: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in -1..1, over the whole batch."""
    error = F.mse_loss(output.clamp(-1, 1), target).clamp_min(1e-12)
    return float(10 * torch.log10(4.0 / error))


@torch.no_grad()
def latent_scale(model: AutoencoderKL, pictures: torch.Tensor) -> float:
    """The factor that brings latents to unit variance (Rombach et al. 2022, appendix G)."""
    return float(1 / model.encode(pictures).latent_dist.mean.std())


def build(options: Options) -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(**options.preset.autoencoder_config())


def trained(options: Options) -> AutoencoderKL:
    """The averaged weights of this stage's run, with the latent scale in the config."""
    run = Run("autoencoder", build(options), options.preset.autoencoder, options)
    model = run.averaged(build(options))
    sample = to_pictures(dataset.unseen(64, options.preset.size)).to(options.device)
    model.register_to_config(scaling_factor=round(latent_scale(model, sample), 4))
    return model


def train(options: Options) -> None:
    """Trains the critic, then trains or resumes the stage; prints its figures on unseen scenes at each picture grid."""
    preset = options.preset
    critic.train(options)
    judge = critic.trained(options)
    pixels = dataset.pictures(preset, options.folder)
    model = build(options)
    run = Run("autoencoder", model, preset.autoencoder, options)
    probe = to_pictures(dataset.unseen(32, preset.size)).to(options.device)
    autocast = pick_autocast(options.device)

    def loss_of(step: int) -> torch.Tensor:
        which = pixels, preset.crop, preset.autoencoder.batch, step
        target = dataset.crops(*which).to(options.device)
        weights = dataset.weights_of_crops(*which, INSIDE).to(options.device)
        with autocast:
            posterior = model.encode(target).latent_dist
            drawn = posterior.sample(torch.Generator().manual_seed(step))
            output = model.decode(drawn).sample
            perceptual = critic.perceptual_loss(judge, output, target)
        kl = posterior.kl().float().mean() / posterior.mean[0].numel()
        reconstruction = reconstruction_loss(output.float(), target, weights)
        return reconstruction + critic.WEIGHT * perceptual.float() + KL_WEIGHT * kl

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        output = average.decode(average.encode(probe).latent_dist.mean).sample
        seen = float(critic.perceptual_loss(judge, output, probe))
        print(f"\nstep {run.step}: PSNR {psnr(output, probe):.2f} dB, perceptual {seen:.4f}", flush=True)
        grids.save(run.folder / "grid.png", [probe[:8], output[:8], probe[8:16], output[8:16]])

    run.train(loss_of, show, show_every=500)


if __name__ == "__main__":
    train(options("autoencoder"))
