"""The third stage: the denoiser with its text encoder, for plain generation and inpainting at once.

    python -m storybook.denoiser --preset small

Its input channels, in the order of diffusers' inpainting U-Nets: latent, mask, masked latent. Most samples
have everything masked, which is plain generation; the others a random mask. The model predicts v
(Salimans and Ho 2022). One prompt in ten is empty, for classifier-free guidance (Ho and Salimans 2022).

Noise levels are drawn, two fifths of them, as often as min-SNR weighting (Hang et al. 2023) would weigh them, which has
the same mean as weighting uniform draws and wastes no sample on levels that hardly count; a quarter of these is
uniform. The others are drawn around twice as much noise as signal, most between one and four times: what is drawn from
a render with more noise than that is what was asked for as seldom as what is drawn from noise alone, and with less it
nearly always is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm
from transformers import CLIPTextModel

from storybook import autoencoder, dataset, grids, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.prompts import SHEET
from storybook.run import Options, Run, options, pick_autocast, pick_layout, steps_done
from storybook.tokenizer import stored_tokenizer, tokenise
from storybook.world import LANGUAGES, scene
from studio.models.autoencoders.autoencoder import to_pictures

NOISE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
EMPTY_PROMPTS = 0.10
PLAIN = 0.8  # the share of samples whose mask covers everything
SNR_CEILING = 5.0
UNIFORM = 0.25  # the share of noise levels that are drawn uniformly
COMPOSING = 0.6  # the share that is drawn where a picture's composition is decided: lognormally in noise over signal,
LEVEL, SPREAD = 2.0, 0.8  # with this median, and this deviation of the logarithm
INSIDE = 3.0  # what a latent counts that a thing touches, where there is no noise
HARD = frozenset({"cat", "dog", "person"})  # learned last, and asked for first
REPEATS = 3  # how often an epoch has a scene with one of them
ENCODING_BATCH = 16  # on a CPU what is between two layers stays in the cache: half the time of 64


@dataclass(frozen=True)
class Latents:
    """The training pictures as the denoiser sees them, scaled to unit variance, float16.

    ``picture`` [N, C, h, w]; ``mask`` [N, 1, h, w], 1 = repaint; ``masked`` [N, C, h, w], the picture encoded with grey
    under the mask; ``grey`` [C, h, w], a picture that is grey all over.
    """

    picture: torch.Tensor
    mask: torch.Tensor
    masked: torch.Tensor
    grey: torch.Tensor


class Storybook(nn.Module):
    """What this stage trains together."""

    def __init__(self, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text = unet, text

    def forward(self, inputs: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """inputs [B, 2 C + 1, h, w], timesteps [B], tokens [B, L] -> v [B, C, h, w]."""
        return self.unet(inputs, timesteps, self.text(tokens).last_hidden_state).sample


def build(options: Options) -> Storybook:
    torch.manual_seed(2)
    return Storybook(
        UNet2DConditionModel(**options.preset.denoiser_config()).to(memory_format=pick_layout(options.device)),
        text_encoder.trained(options),
    )


def random_mask(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a person might paint out: a few rectangles, ellipses or strokes; uint8 [size, size], 1 = repaint."""
    mask = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        x, y, width, height = rng.integers(size), rng.integers(size), *rng.integers(size // 8, size // 2, size=2)
        form = rng.integers(3)
        if form == 0:
            cv2.rectangle(mask, (x - width // 2, y - height // 2), (x + width // 2, y + height // 2), 1, -1)
        elif form == 1:
            cv2.ellipse(mask, (int(x), int(y)), (int(width) // 2, int(height) // 2), 0, 0, 360, 1, -1)
        else:
            stroke = rng.integers(0, size, size=(4, 1, 2)).astype(np.int32)
            cv2.polylines(mask, [stroke], False, 1, int(rng.integers(size // 12, size // 5)))
    return mask


@torch.no_grad()
def encode(options: Options, first_stage: AutoencoderKL) -> Latents:
    """Encodes every training picture once, with one random mask each; kept in the run's folder."""
    done = steps_done("autoencoder", options)
    preset, path = options.preset, options.folder / f"latents-{done}.pt"  # a first stage trained further makes its own
    if path.exists():
        return Latents(**torch.load(path, weights_only=True))
    pixels = dataset.pictures(preset, options.folder)
    first_stage = first_stage.to(memory_format=torch.channels_last)
    scale, autocast = first_stage.config.scaling_factor, pick_autocast(options.device)
    side, pictures, masks, masked = preset.latent_side, [], [], []

    def latent(image: torch.Tensor) -> torch.Tensor:
        with autocast:  # its rounding is well below the deviation of the posterior
            mean = first_stage.encode(image.to(options.device, memory_format=torch.channels_last)).latent_dist.mean
        return (mean.float() * scale).half().cpu()

    for at in tqdm(range(0, len(pixels), ENCODING_BATCH), desc="encoding scenes", mininterval=10):
        picture = to_pictures(pixels[at : at + ENCODING_BATCH])
        rng = np.random.default_rng([at, 41])
        mask = torch.from_numpy(np.stack([random_mask(preset.size, rng) for _ in picture]))[:, None].float()
        pictures.append(latent(picture))
        masked.append(latent(picture * (1 - mask)))
        masks.append(nn.functional.interpolate(mask, (side, side), mode="area").ceil().half())
    grey = latent(torch.zeros(1, 3, preset.size, preset.size))[0]
    cached = {"picture": torch.cat(pictures), "mask": torch.cat(masks), "masked": torch.cat(masked), "grey": grey}
    torch.save(cached, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return Latents(**cached)


def epoch(scenes: int) -> NDArray[np.int64]:
    """The seeds of an epoch's training scenes: each of ``scenes`` once, but ``REPEATS`` times with a ``HARD`` kind."""
    hard = [seed for seed in range(scenes) if HARD & {group.kind for group in scene(seed).groups}]
    return np.concatenate([np.arange(scenes), np.repeat(np.array(hard, np.int64), REPEATS - 1)])


def conditioning(
    latents: Latents, indices: NDArray[np.int64], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mask [B, 1, h, w] and masked latent [B, C, h, w] of each sample; all ones and grey for plain generation."""
    plain = torch.from_numpy(rng.random(len(indices)) < PLAIN)[:, None, None, None]
    mask = torch.where(plain, torch.ones(()), latents.mask[indices].float())
    masked = torch.where(plain, latents.grey.float(), latents.masked[indices].float())
    return mask, masked


def prompts_of(
    captions: NDArray[np.int16], empty: torch.Tensor, indices: NDArray[np.int64], rng: np.random.Generator
) -> torch.Tensor:
    """One of each scene's captions, out of [scenes, captions, L]; some are ``empty`` [L] instead. int64 [B, L]."""
    which = rng.integers(captions.shape[1], size=len(indices))
    tokens = torch.from_numpy(captions[indices, which].astype(np.int64))
    is_empty = torch.from_numpy(rng.random(len(indices)) < EMPTY_PROMPTS)
    return torch.where(is_empty[:, None], empty, tokens)


def timestep_shares(signal: torch.Tensor) -> torch.Tensor:
    """How often each timestep is drawn, from the cumulative products of its alphas: [T] -> [T], adding up to 1.

    In proportion to min-SNR's weight for v-prediction, min(SNR, 5) / (SNR + 1) (Hang et al. 2023, section 3.4),
    mixed with a share of UNIFORM draws.
    """
    snr = signal / (1 - signal)
    weights = snr.clamp(max=SNR_CEILING) / (snr + 1)
    return (1 - UNIFORM) * weights / weights.sum() + UNIFORM / len(weights)


def composing_shares(signal: torch.Tensor) -> torch.Tensor:
    """As `timestep_shares`, but a share of COMPOSING is drawn lognormally in the ratio of noise to signal, as Karras et
    al. (2022, table 1) draw all of it, around LEVEL: [T] -> [T]."""
    level = ((1 - signal) / signal).sqrt().log()
    bell = torch.exp(-0.5 * ((level - math.log(LEVEL)) / SPREAD) ** 2) * torch.gradient(level)[0]
    return (1 - COMPOSING) * timestep_shares(signal) + COMPOSING * bell / bell.sum()


def weights_of(indices: NDArray[np.int64], signal: torch.Tensor, side: int) -> torch.Tensor:
    """How much each latent of training scenes counts, [B, 1, side, side]: things are few and small, and what pictures
    are about. They count more only from where half of a latent is ``signal`` [B] (the cumulative product of alphas,
    0..1): before, where a thing will be is not decided, and who is asked most about things expects too many."""
    things = np.stack([dataset.things_of(int(index), side) for index in indices])
    clear = (2 * signal - 1).clamp(min=0)[:, None, None, None]
    return 1 + (INSIDE - 1) * clear * torch.from_numpy(things)[:, None]


@torch.no_grad()
def guided(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    count: int,
    grey: torch.Tensor,
    guidance: float = 4.0,
    steps: int = 15,
) -> torch.Tensor:
    """A few pictures with diffusers' own DDIM, to see how training goes: latents [count, C, h, w].

    ``predict`` gives v for inputs [2 count, 2 C + 1, h, w] and a timestep: first with all that steers, then without.
    """
    scheduler = DDIMScheduler(**NOISE, prediction_type="v_prediction", clip_sample=False)
    scheduler.set_timesteps(steps)
    latents = torch.randn((count, *grey.shape), generator=torch.Generator().manual_seed(5)).to(grey.device)
    rest = torch.cat([torch.ones_like(latents[:, :1]), grey.expand_as(latents)], dim=1)
    for timestep in scheduler.timesteps:
        inputs = torch.cat([latents, rest], dim=1).repeat(2, 1, 1, 1)
        conditional, unconditional = predict(inputs, timestep.to(grey.device)).chunk(2)
        output = unconditional + guidance * (conditional - unconditional)
        latents = scheduler.step(output, timestep, latents).prev_sample
    return latents


def sample(model: Storybook, tokens: torch.Tensor, empty: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
    """See `guided`; tokens [B, L], ``empty`` [1, L] without words."""
    both = torch.cat([tokens, empty.expand_as(tokens)])
    return guided(lambda inputs, timestep: model(inputs, timestep, both), len(tokens), grey, steps=20)


def trained(options: Options) -> Storybook:
    """The averaged weights of this stage's run."""
    run = Run("denoiser", build(options), options.preset.denoiser, options)
    return run.averaged(build(options))


def train(options: Options) -> None:
    preset = options.preset
    first_stage = autoencoder.trained(options)
    latents = encode(options, first_stage)
    tokenizer = stored_tokenizer(text_encoder.tokenizer_folder(options))
    captions = caption_tokens(preset, options.folder, text_encoder.tokenizer_folder(options))
    empty = tokenise(tokenizer, [""])[0]
    model = build(options)
    run = Run("denoiser", model, preset.denoiser, options)
    noising = DDPMScheduler(**NOISE, prediction_type="v_prediction")
    shares = composing_shares(noising.alphas_cumprod)
    autocast = pick_autocast(options.device)
    seeds = epoch(preset.scenes)
    samples = dataset.batches(len(seeds), preset.denoiser.batch, run.step)

    def loss_of(step: int) -> torch.Tensor:
        indices, rng = seeds[next(samples)], np.random.default_rng([step, 43])
        generator = torch.Generator().manual_seed(step)
        clean = latents.picture[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.multinomial(shares, len(clean), replacement=True, generator=generator)
        mask, masked = conditioning(latents, indices, rng)
        inputs = torch.cat([noising.add_noise(clean, noise, timesteps), mask, masked], dim=1)
        target = noising.get_velocity(clean, noise, timesteps).to(options.device)
        tokens = prompts_of(captions, empty, indices, rng).to(options.device)
        weights = weights_of(indices, noising.alphas_cumprod[timesteps], target.shape[-1])
        timesteps = timesteps.to(options.device)
        with autocast:
            predicted = model(inputs.to(options.device, memory_format=pick_layout(options.device)), timesteps, tokens)
        weights = weights.to(options.device)
        return (weights * (predicted.float() - target).square()).mean() / weights.mean()

    def show() -> None:
        average = run.averaged(build(options))
        prompts = [SHEET[language][row] for row in range(8) for language in LANGUAGES]
        tokens = tokenise(tokenizer, prompts).to(options.device)
        with autocast:
            drawn = sample(average, tokens, empty[None].to(options.device), latents.grey.float().to(options.device))
        pictures = _decoded(first_stage, drawn.float())
        grids.save(run.folder / "grid.png", [pictures[column::3] for column in range(3)])

    run.train(loss_of, show, show_every=1000)


@torch.no_grad()
def _decoded(first_stage: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    return first_stage.decode(latents / first_stage.config.scaling_factor).sample


if __name__ == "__main__":
    train(options("denoiser"))
