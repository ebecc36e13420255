"""The stage that lets a picture steer the finished denoiser.

    python -m storybook.image_prompt --preset small

IP-Adapter (Ye et al. 2023): the vision tower's embedding becomes four tokens, for which each cross-attention gets keys
and values of its own. Only these and what makes the tokens are trained; denoiser, text encoder and CLIP stay as they
are. The picture is its own prompt. Half of the samples have no words, so that the picture alone must do, as most
variations are asked for; one in ten has no picture, for guidance.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.embeddings import ImageProjection
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from storybook import autoencoder, clip, dataset, denoiser, grids, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.run import Options, Run, options, pick_autocast, pick_layout, steps_done
from storybook.tokenizer import stored_tokenizer, tokenise
from studio.packs.first_stage import to_pictures
from studio.packs.image_prompt import ImagePrompts, add_image_attention

TOKENS = 4
WORDLESS = 0.5  # the share of samples without words
NO_PICTURE = 0.1
ENCODING_BATCH = 128
SHOWN = 6


class ImagePrompt(nn.Module):
    """The trained part: what makes tokens of an embedding, and the layers that attend to them.

    The U-Net that it belongs to is frozen and not among its parameters.
    """

    def __init__(self, unet: UNet2DConditionModel, embedding: int) -> None:
        super().__init__()
        self.image_proj = ImageProjection(embedding, unet.config.cross_attention_dim, TOKENS)
        unet.requires_grad_(False)
        self.ip_adapter = add_image_attention(unet)
        self._unet = [unet]  # in a list, so that it is not registered

    def forward(
        self, inputs: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """inputs [B, 9, h, w], timesteps [B], text [B, L, width], embeddings of pictures ``seen`` [B, width]
        -> v [B, 4, h, w]."""
        tokens = self.image_proj(seen)
        prompts = ImagePrompts(tokens, torch.ones(len(tokens), 1, 1, device=tokens.device))
        return self._unet[0](inputs, timesteps, text, cross_attention_kwargs={"ip_hidden_states": prompts}).sample


def build(options: Options) -> ImagePrompt:
    unet = denoiser.trained(options).unet
    torch.manual_seed(8)
    unet = unet.to(options.device, memory_format=pick_layout(options.device)).eval()
    return ImagePrompt(unet, options.preset.text_width)


def trained(options: Options) -> ImagePrompt:
    """The averaged weights of this stage's run."""
    return Run("image_prompt", build(options), options.preset.image_prompt, options).averaged(build(options))


@torch.no_grad()
def embed(options: Options) -> torch.Tensor:
    """The vision tower's embedding of every training picture, [N, width] float32; kept in the run's folder."""
    path = options.folder / f"seen-{steps_done('clip', options)}.pt"
    if path.exists():
        return torch.load(path, weights_only=True)
    vision, pixels = clip.trained(options).vision, dataset.pictures(options.preset, options.folder)
    parts = []
    for at in tqdm(range(0, len(pixels), ENCODING_BATCH), desc="looking at scenes", mininterval=10):
        pictures = clip.shrunk(pixels[at : at + ENCODING_BATCH], options.preset.vision_side)
        parts.append(vision(pictures.to(options.device)).image_embeds.cpu())
    seen = torch.cat(parts)
    torch.save(seen, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return seen


def train(options: Options) -> None:
    preset, folder = options.preset, text_encoder.tokenizer_folder(options)
    first_stage = autoencoder.trained(options)
    latents, seen = denoiser.encode(options, first_stage), embed(options)
    grey = latents.grey.float()
    captions, empty = caption_tokens(preset, options.folder, folder), tokenise(stored_tokenizer(folder), [""])[0]
    text = denoiser.trained(options).text.requires_grad_(False)
    model = build(options)
    run = Run("image_prompt", model, preset.image_prompt, options)
    noising = DDPMScheduler(**denoiser.NOISE, prediction_type="v_prediction")
    shares = denoiser.timestep_shares(noising.alphas_cumprod, uniform=0.5)
    autocast = pick_autocast(options.device)
    samples = dataset.batches(preset.scenes, preset.image_prompt.batch, run.step)

    def loss_of(step: int) -> torch.Tensor:
        indices, rng = next(samples), np.random.default_rng([step, 103])
        generator = torch.Generator().manual_seed(step)
        clean = latents.picture[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.multinomial(shares, len(clean), replacement=True, generator=generator)
        rest = torch.cat([torch.ones_like(clean[:, :1]), grey.expand_as(clean)], dim=1)
        inputs = torch.cat([noising.add_noise(clean, noise, timesteps), rest], dim=1)
        target = noising.get_velocity(clean, noise, timesteps).to(options.device)
        which = rng.integers(captions.shape[1], size=len(indices))
        tokens = torch.from_numpy(captions[indices, which].astype(np.int64))
        tokens = torch.where(torch.from_numpy(rng.random(len(indices)) < WORDLESS)[:, None], empty, tokens)
        pictures = seen[indices] * torch.from_numpy(rng.random(len(indices)) >= NO_PICTURE)[:, None]
        with autocast:
            with torch.no_grad():
                words = text(tokens.to(options.device)).last_hidden_state
            inputs = inputs.to(options.device, memory_format=pick_layout(options.device))
            predicted = model(inputs, timesteps.to(options.device), words, pictures.to(options.device))
        return F.mse_loss(predicted.float(), target)

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        pixels = dataset.unseen(SHOWN, preset.size)
        sources = clip.trained(options).vision(clip.shrunk(pixels, preset.vision_side).to(options.device)).image_embeds
        words = text(empty[None].to(options.device)).last_hidden_state
        with autocast:
            drawn = sample(average, words, sources.repeat(3, 1), grey.to(options.device))
        pictures = _decoded(first_stage, drawn.float())
        grids.save(run.folder / "grid.png", [to_pictures(pixels), *pictures.chunk(3)])

    run.train(loss_of, show, show_every=500)


def sample(model: ImagePrompt, words: torch.Tensor, seen: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
    """See `denoiser.guided`; words [1, L, width] for all, embeddings of pictures ``seen`` [B, width]."""
    both, text = torch.cat([seen, torch.zeros_like(seen)]), words.expand(2 * len(seen), -1, -1)
    return denoiser.guided(lambda inputs, timestep: model(inputs, timestep, text, both), len(seen), grey)


@torch.no_grad()
def _decoded(first_stage: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    return first_stage.decode(latents / first_stage.config.scaling_factor).sample


if __name__ == "__main__":
    train(options("image_prompt"))
