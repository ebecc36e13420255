"""The stage that lets a picture steer the finished denoiser.

    python -m storybook.image_prompt --preset small

IP-Adapter Plus (Ye et al. 2023): what the vision tower sees in each patch becomes sixteen tokens, for which each
cross-attention gets keys and values of its own; one embedding of the whole picture kept what there is around things
better than the things. Only these and what makes the tokens are trained; denoiser, text encoder and CLIP stay as they
are. The picture is its own prompt. Half of the samples have no words, so that the picture alone must do, as most
variations are asked for; one in ten has no picture, for guidance.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.embeddings import IPAdapterPlusImageProjection
from torch import nn
from tqdm import tqdm
from transformers import CLIPVisionModelWithProjection

from storybook import autoencoder, clip, dataset, denoiser, grids, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.run import Options, Run, options, pick_autocast, pick_layout, steps_done
from storybook.tokenizer import stored_tokenizer, tokenise
from studio.models.adapters.ip_adapter import HEAD, ImagePrompts, add_image_attention
from studio.models.autoencoders.autoencoder import to_pictures

TOKENS = 16
WORDLESS = 0.5  # the share of samples without words
NO_PICTURE = 0.1
LOOKING_BATCH = 128
SHOWN = 6


class ImagePrompt(nn.Module):
    """The trained part: what makes tokens of patches of ``width``, and the layers that attend to them.

    The U-Net that it belongs to is frozen and not among its parameters.
    """

    def __init__(self, unet: UNet2DConditionModel, width: int) -> None:
        super().__init__()
        words = unet.config.cross_attention_dim
        heads = max(1, words // HEAD)
        self.image_proj = IPAdapterPlusImageProjection(
            width, words, hidden_dims=HEAD * heads, heads=heads, num_queries=TOKENS
        )
        unet.requires_grad_(False)
        self.ip_adapter = add_image_attention(unet)
        self._unet = [unet]  # in a list, so that it is not registered

    def forward(
        self, inputs: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """inputs [B, 2 C + 1, h, w], timesteps [B], text [B, L, width], what is ``seen`` in the patches of pictures
        [B, patches, width] -> v [B, C, h, w]."""
        tokens = self.image_proj(seen)
        prompts = ImagePrompts(tokens, torch.ones(len(tokens), 1, 1, device=tokens.device))
        return self._unet[0](inputs, timesteps, text, cross_attention_kwargs={"ip_hidden_states": prompts}).sample


def build(options: Options) -> ImagePrompt:
    unet = denoiser.trained(options).unet
    torch.manual_seed(8)
    unet = unet.to(options.device, memory_format=pick_layout(options.device)).eval()
    return ImagePrompt(unet, options.preset.vision_width)


def trained(options: Options) -> ImagePrompt:
    """The averaged weights of this stage's run."""
    return Run("image_prompt", build(options), options.preset.image_prompt, options).averaged(build(options))


@torch.no_grad()
def patches_of(vision: CLIPVisionModelWithProjection, pixels: torch.Tensor) -> torch.Tensor:
    """What the tower sees in each patch of pictures [B, 3, side, side], from its last layer but one:
    [B, 1 + patches, width]; of zeros, what stands for no picture."""
    hidden: torch.Tensor = vision(pixels, output_hidden_states=True).hidden_states[clip.PROMPTING_LAYER]
    return hidden


@torch.no_grad()
def look(options: Options) -> torch.Tensor:
    """What the vision tower sees in every training picture, [N, 1 + patches, width] float16; kept in the run's
    folder."""
    path = options.folder / f"patches-{steps_done('clip', options)}.pt"
    if path.exists():
        return torch.load(path, mmap=True, weights_only=True)
    vision, pixels = clip.trained(options).vision, dataset.pictures(options.preset, options.folder)
    parts = []
    for at in tqdm(range(0, len(pixels), LOOKING_BATCH), desc="looking at scenes", mininterval=10):
        pictures = clip.shrunk(pixels[at : at + LOOKING_BATCH], options.preset.vision_side)
        parts.append(patches_of(vision, pictures.to(options.device)).half().cpu())
    seen = torch.cat(parts)
    torch.save(seen, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return seen


def train(options: Options) -> None:
    preset, folder = options.preset, text_encoder.tokenizer_folder(options)
    first_stage = autoencoder.trained(options)
    latents, seen = denoiser.encode(options, first_stage), look(options)
    vision = clip.trained(options).vision
    nothing = patches_of(vision, torch.zeros(1, 3, preset.vision_side, preset.vision_side, device=options.device))
    grey = latents.grey.float()
    captions, empty = caption_tokens(preset, options.folder, folder), tokenise(stored_tokenizer(folder), [""])[0]
    text = denoiser.trained(options).text.requires_grad_(False)
    model = build(options)
    run = Run("image_prompt", model, preset.image_prompt, options)
    noising = DDPMScheduler(**denoiser.NOISE, prediction_type="v_prediction")
    shares = denoiser.composing_shares(noising.alphas_cumprod)
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
        has_none = torch.from_numpy(rng.random(len(indices)) < NO_PICTURE).to(options.device)
        pictures = torch.where(has_none[:, None, None], nothing, seen[indices].float().to(options.device))
        with autocast:
            with torch.no_grad():
                words = text(tokens.to(options.device)).last_hidden_state
            inputs = inputs.to(options.device, memory_format=pick_layout(options.device))
            predicted = model(inputs, timesteps.to(options.device), words, pictures)
        weights = denoiser.weights_of(indices, noising.alphas_cumprod[timesteps], preset.latent_side).to(options.device)
        return (weights * (predicted.float() - target).square()).mean() / weights.mean()

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        pixels = dataset.unseen(SHOWN, preset.size)
        sources = patches_of(vision, clip.shrunk(pixels, preset.vision_side).to(options.device)).repeat(3, 1, 1)
        words = text(empty[None].to(options.device)).last_hidden_state
        with autocast:
            drawn = sample(average, words, sources, nothing, grey.to(options.device))
        pictures = _decoded(first_stage, drawn.float())
        grids.save(run.folder / "grid.png", [to_pictures(pixels), *pictures.chunk(3)])

    run.train(loss_of, show, show_every=500)


def sample(
    model: ImagePrompt, words: torch.Tensor, seen: torch.Tensor, nothing: torch.Tensor, grey: torch.Tensor
) -> torch.Tensor:
    """See `denoiser.guided`; words [1, L, width] for all, what is ``seen`` in pictures [B, patches, width] and in
    ``nothing`` [1, patches, width]."""
    both, text = torch.cat([seen, nothing.expand_as(seen)]), words.expand(2 * len(seen), -1, -1)
    return denoiser.guided(lambda inputs, timestep: model(inputs, timestep, text, both), len(seen), grey)


@torch.no_grad()
def _decoded(first_stage: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    return first_stage.decode(latents / first_stage.config.scaling_factor).sample


if __name__ == "__main__":
    train(options("image_prompt"))
