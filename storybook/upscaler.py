"""The denoiser of super-resolution: latent and low-resolution picture in, v out (Rombach et al. 2022, section 4.4).

    python -m storybook.upscaler --preset small

A piece of a large picture is degraded to its small self, which has just as many pixels as the large one has latents:
they go in side by side. Half of the small ones are what the base model would have drawn: averaged, encoded, and decoded
with a little noise on the latents, since it is the second stage of a cascade (Ho et al. 2022). Without attention, so
that it takes any size.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel, VQModel
from numpy.typing import NDArray
from torch.nn import functional as F
from tqdm import tqdm

from storybook import dataset, decoder, grids, vq_autoencoder
from storybook.autoencoder import psnr
from storybook.degradation import SCALE, degraded
from storybook.denoiser import timestep_shares
from storybook.run import Options, Run, options, pick_autocast, steps_done
from studio.images.consistency import averaged
from studio.models.autoencoders.autoencoder import to_bytes, to_pictures

NOISE = {"num_train_timesteps": 1000, "beta_start": 0.0015, "beta_end": 0.0155, "beta_schedule": "scaled_linear"}
PIECES = 4  # of each large picture
CASCADED = 0.5  # the share of small pictures that are as the base model draws them
BASE_NOISE = (0.0, 0.1)  # deviations of the noise on their latents, which have a deviation of 1
BASE_VARIANTS = 2  # of each picture, with another noise
ENCODING_BATCH = 32
SHOWN = 6


def build(options: Options) -> UNet2DModel:
    torch.manual_seed(7)
    return UNet2DModel(**options.preset.upscaler_config()).to(memory_format=torch.channels_last)


def trained(options: Options) -> UNet2DModel:
    """The averaged weights of this stage's run."""
    return Run("upscaler", build(options), options.preset.upscaler, options).averaged(build(options))


def piece(pixels: NDArray[np.uint8], index: int, size: int) -> NDArray[np.uint8]:
    """Piece ``index`` of the large pictures, uint8 [size, size, 3]: each picture has PIECES, anywhere in it."""
    y, x = (SCALE * side for side in _corner(index, pixels.shape[1], size))
    return pixels[index // PIECES, y : y + size, x : x + size]


def small_piece(pixels: NDArray[np.uint8], index: int, size: int) -> NDArray[np.uint8]:
    """The same piece of the small pictures ``pixels``, uint8 [size / SCALE, size / SCALE, 3]."""
    y, x = _corner(index, SCALE * pixels.shape[1], size)
    return pixels[index // PIECES, y : y + size // SCALE, x : x + size // SCALE]


def _corner(index: int, whole: int, size: int) -> NDArray[np.int64]:
    """Row and column of a piece's corner in the small picture."""
    return np.random.default_rng([index, 79]).integers((whole - size) // SCALE + 1, size=2)


@torch.no_grad()
def base_pictures(options: Options, variant: int) -> NDArray[np.uint8]:
    """The large pictures as the base model would have drawn them, uint8 [fine scenes, size, size, 3]; kept on disk."""
    preset = options.preset
    through = steps_done("autoencoder", options)  # a first stage trained further makes its own
    path = options.folder / f"base-{preset.size}-{preset.fine_scenes}-{through}-{variant}.npy"
    if not path.exists():
        model, large = decoder.trained(options), dataset.fine_pictures(preset, options.folder)
        deviation, drawn = 1 / model.config.scaling_factor, []
        generator = torch.Generator().manual_seed(variant)
        for first in tqdm(range(0, len(large), ENCODING_BATCH), desc="base pictures", mininterval=10):
            small = np.stack([averaged(picture, SCALE) for picture in large[first : first + ENCODING_BATCH]])
            latents = model.encode(to_pictures(small).to(options.device)).latent_dist.mean
            low, high = BASE_NOISE
            amounts = low + (high - low) * torch.rand(len(latents), 1, 1, 1, generator=generator)
            noise = amounts * deviation * torch.randn(latents.shape, generator=generator)
            drawn.append(to_bytes(model.decode(latents + noise.to(latents.device)).sample).numpy())
        part = path.with_suffix(".part.npy")
        np.save(part, np.concatenate(drawn))
        part.replace(path)
    return np.load(path, mmap_mode="r")


@torch.no_grad()
def encode(options: Options, first_stage: VQModel) -> torch.Tensor:
    """The latents of all pieces, [N, 3, h, w] float16, of unit variance; kept in the run's folder."""
    path = options.folder / f"aligned-latents-{steps_done('vq_autoencoder', options)}.pt"
    if path.exists():
        return torch.load(path, weights_only=True)
    pixels, count = dataset.fine_pictures(options.preset, options.folder), options.preset.fine_scenes * PIECES
    parts = []
    for first in tqdm(range(0, count, ENCODING_BATCH), desc="encoding pieces", mininterval=10):
        last = min(count, first + ENCODING_BATCH)
        pieces = np.stack([piece(pixels, index, options.preset.size) for index in range(first, last)])
        parts.append(vq_autoencoder.latents_of(first_stage, to_pictures(pieces).to(options.device)).half().cpu())
    latents = torch.cat(parts)
    torch.save(latents, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return latents


def train(options: Options) -> None:
    preset = options.preset
    first_stage = vq_autoencoder.trained(options)
    latents = encode(options, first_stage)
    pixels = dataset.fine_pictures(preset, options.folder)
    bases = [base_pictures(options, variant) for variant in range(BASE_VARIANTS)]
    model = build(options)
    run = Run("upscaler", model, preset.upscaler, options)
    noising = DDPMScheduler(**NOISE, prediction_type="v_prediction")
    shares = timestep_shares(noising.alphas_cumprod)
    autocast = pick_autocast(options.device)
    samples = dataset.batches(len(latents), preset.upscaler.batch, run.step)

    def small_of(index: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        if rng.random() < CASCADED:
            return small_piece(bases[rng.integers(len(bases))], index, preset.size)
        return degraded(piece(pixels, index, preset.size), rng)

    def loss_of(step: int) -> torch.Tensor:
        indices, rng = next(samples), np.random.default_rng([step, 89])
        clean = latents[indices].float()
        small = to_pictures(np.stack([small_of(int(index), rng) for index in indices]))
        generator = torch.Generator().manual_seed(step)
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.multinomial(shares, len(clean), replacement=True, generator=generator)
        inputs = torch.cat([noising.add_noise(clean, noise, timesteps), small], dim=1)
        target = noising.get_velocity(clean, noise, timesteps).to(options.device)
        with autocast:
            inputs = inputs.to(options.device, memory_format=torch.channels_last)
            predicted = model(inputs, timesteps.to(options.device)).sample
        return F.mse_loss(predicted.float(), target)

    @torch.no_grad()
    def show() -> None:
        rng = np.random.default_rng(83)
        large = dataset.renders(dataset.UNSEEN, SHOWN, preset.fine_size)
        middle = slice((preset.fine_size - preset.size) // 2, (preset.fine_size + preset.size) // 2)
        crops = large[:, middle.start + preset.size // 2 : middle.stop + preset.size // 2, middle]
        small = np.stack([degraded(crop, rng) for crop in crops])
        bicubic = np.stack(
            [cv2.resize(each, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC) for each in small]
        )
        with autocast:
            drawn = sample(run.averaged(build(options)), to_pictures(small).to(options.device))
        pictures = first_stage.decode(drawn.float()).sample
        truth = to_pictures(crops).to(options.device)
        grids.save(run.folder / "grid.png", [to_pictures(bicubic), pictures, truth])
        print(
            f"\nstep {run.step}: PSNR on unseen crops {psnr(pictures, truth):.2f} dB, "
            f"bicubic {psnr(to_pictures(bicubic).to(options.device), truth):.2f} dB",
            flush=True,
        )

    run.train(loss_of, show, show_every=500)


@torch.no_grad()
def sample(model: UNet2DModel, small: torch.Tensor, steps: int = 20) -> torch.Tensor:
    """A few pictures with diffusers' own DDIM, to see how training goes: latents [B, 3, h, w]."""
    scheduler = DDIMScheduler(**NOISE, prediction_type="v_prediction", clip_sample=False)
    scheduler.set_timesteps(steps)
    latents = torch.randn(small.shape, generator=torch.Generator().manual_seed(5)).to(small.device)
    for timestep in scheduler.timesteps:
        v = model(torch.cat([latents, small], dim=1), timestep.to(small.device)).sample
        latents = scheduler.step(v, timestep, latents).prev_sample
    return latents


if __name__ == "__main__":
    train(options("upscaler"))
