"""The fourth stage: boxes with phrases steer the finished denoiser.

    python -m storybook.layout --preset small

GLIGEN (Li et al. 2023): each box becomes a token, made of its corners and the text encoder's pooled reading of its
phrase; gated self-attention layers between the denoiser's self- and cross-attention let the picture attend to these
tokens. Only they are trained; the denoiser and its text encoder stay as they are, so that a row with its gates closed
draws as before. The scenes are arranged at random, since people put boxes where the world never would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention import GatedSelfAttentionDense
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from storybook import autoencoder, dataset, denoiser, grids, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.run import Options, Run, options, pick_autocast, pick_layout, steps_done
from storybook.tokenizer import stored_tokenizer, tokenise
from storybook.world import LANGUAGES, arranged, caption, phrase
from studio.images.boxes import MOST_BOXES, Boxed, composed
from studio.models.autoencoders.autoencoder import to_pictures

NOTHING = 0.10  # the share of samples without words and boxes, for guidance
COMPOSED = 0.20  # with the phrases alone in place of a caption
SOME_BOXES = 0.20  # with boxes for some of the things only
INSIDE = 3.0  # what a latent counts that a box touches
TOLD_WITH_THINGS = 2  # ways in each language
SHOWN = 12


class GatedLayers(nn.Module):
    """The trained part of a gated U-Net: what makes tokens of boxes, and the layers that attend to them.

    The U-Net that it belongs to is frozen and not among its parameters.
    """

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.position_net = unet.position_net
        self.fusers = nn.ModuleList(part for part in unet.modules() if isinstance(part, GatedSelfAttentionDense))
        self._unet = [unet.requires_grad_(False)]  # in a list, so that it is not registered
        self.requires_grad_(True)

    @property
    def unet(self) -> UNet2DConditionModel:
        return self._unet[0]

    def forward(
        self, inputs: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor, boxes: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        """inputs [B, 2 C + 1, h, w], timesteps [B], text [B, L, width], boxes of `Phrases.inputs` -> v [B, C, h, w]."""
        return self.unet(inputs, timesteps, text, cross_attention_kwargs={"gligen": boxes}).sample


class Phrases:
    """The pooled reading of each phrase, kept: there are few of them, and the text encoder does not change."""

    def __init__(self, encoder: CLIPTextModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._encoder, self._tokenizer = encoder, tokenizer
        self._read = lru_cache(maxsize=None)(self._encode)

    @torch.no_grad()
    def _encode(self, words: str) -> torch.Tensor:
        tokens = tokenise(self._tokenizer, [words]).to(self._encoder.device)
        return self._encoder(tokens).pooler_output[0].float().cpu()

    def inputs(self, samples: Sequence[Sequence[Boxed]]) -> dict[str, torch.Tensor]:
        """What the U-Net takes for the boxes of each sample, see `GLIGENTextBoundingboxProjection`."""
        width = self._encoder.config.hidden_size
        boxes = torch.zeros(len(samples), MOST_BOXES, 4)
        phrases = torch.zeros(len(samples), MOST_BOXES, width)
        masks = torch.zeros(len(samples), MOST_BOXES)
        for row, sample in enumerate(samples):
            for place, each in enumerate(sample):
                boxes[row, place] = torch.tensor(each.box)
                phrases[row, place] = self._read(each.phrase)
                masks[row, place] = 1
        device = self._encoder.device
        return {"boxes": boxes.to(device), "positive_embeddings": phrases.to(device), "masks": masks.to(device)}


def gated(base: UNet2DConditionModel) -> UNet2DConditionModel:
    """``base`` with layers for boxes, whose gates are shut; itself, if it has them already."""
    if base.config.attention_type == "gated":
        return base
    torch.manual_seed(4)
    unet = UNet2DConditionModel(**{**base.config, "attention_type": "gated"})
    missing, unexpected = unet.load_state_dict(base.state_dict(), strict=False)
    assert not unexpected
    assert all("fuser" in key or "position_net" in key for key in missing)
    return unet


def build(options: Options) -> GatedLayers:
    unet = gated(denoiser.trained(options).unet)
    return GatedLayers(unet.to(options.device, memory_format=pick_layout(options.device)).eval())


def trained(options: Options) -> GatedLayers:
    """The averaged weights of this stage's run, in their U-Net."""
    return Run("layout", build(options), options.preset.layout, options).averaged(build(options))


def captions_of(seed: int) -> list[str]:
    """An arranged scene with its things in each language, and, last, what is around them, once in each language."""
    each, rng = arranged(seed), np.random.default_rng([seed, 61])
    bare = replace(each, groups=())
    return [
        *(caption(each, language, rng) for _ in range(TOLD_WITH_THINGS) for language in LANGUAGES),
        *(caption(bare, language, rng) for language in LANGUAGES),
    ]


@torch.no_grad()
def encode(options: Options, first_stage: AutoencoderKL) -> torch.Tensor:
    """The latents of all arranged scenes, [N, C, h, w] float16; kept in the run's folder."""
    path = options.folder / f"arranged-latents-{steps_done('autoencoder', options)}.pt"
    if path.exists():
        return torch.load(path, weights_only=True)
    pixels = dataset.pictures(options.preset, options.folder, arranged, "arranged")
    parts = []
    for at in tqdm(range(0, len(pixels), denoiser.ENCODING_BATCH), desc="encoding arranged scenes", mininterval=10):
        picture = to_pictures(pixels[at : at + denoiser.ENCODING_BATCH]).to(options.device)
        mean = first_stage.encode(picture).latent_dist.mean
        parts.append((mean * first_stage.config.scaling_factor).half().cpu())
    latents = torch.cat(parts)
    torch.save(latents, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return latents


def sample_of(seed: int, rng: np.random.Generator) -> tuple[tuple[Boxed, ...], bool]:
    """The boxes of an arranged scene as a person might draw them, and whether the phrases must do for a caption."""
    language = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
    boxes = [Boxed(phrase(thing, language, rng), thing.box) for thing in arranged(seed).things]
    rng.shuffle(boxes)
    if rng.random() < COMPOSED:
        return tuple(boxes), True
    if rng.random() < SOME_BOXES:
        boxes = boxes[: int(rng.integers(1, len(boxes) + 1))]
    return tuple(boxes), False


def weights_of(samples: Sequence[Sequence[Boxed]], side: int) -> torch.Tensor:
    """How much each latent counts, [B, 1, side, side]: those that a box touches more, because the base draws all else
    already."""
    touched = np.stack([dataset.touched((each.box for each in sample), side) for sample in samples])
    return 1 + (INSIDE - 1) * torch.from_numpy(touched)[:, None].float()


def train(options: Options) -> None:
    preset = options.preset
    first_stage = autoencoder.trained(options)
    latents = encode(options, first_stage)
    grey = denoiser.encode(options, first_stage).grey.float()
    folder = text_encoder.tokenizer_folder(options)
    tokenizer = stored_tokenizer(folder)
    captions = caption_tokens(preset, options.folder, folder, captions_of, "told-arranged")
    text = denoiser.trained(options).text.requires_grad_(False)
    phrases = Phrases(text, tokenizer)
    model = build(options)
    run = Run("layout", model, preset.layout, options)
    noising = DDPMScheduler(**denoiser.NOISE, prediction_type="v_prediction")
    shares = denoiser.composing_shares(noising.alphas_cumprod)
    autocast = pick_autocast(options.device)
    samples = dataset.batches(preset.scenes, preset.layout.batch, run.step)
    empty = tokenise(tokenizer, [""])[0]

    def words_and_boxes(
        indices: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[torch.Tensor, list[tuple[Boxed, ...]]]:
        tokens: list[torch.Tensor] = []
        boxes: list[tuple[Boxed, ...]] = []
        for index in indices:
            if rng.random() < NOTHING:
                tokens.append(empty)
                boxes.append(())
                continue
            drawn, is_composed = sample_of(int(index), rng)
            which = int(rng.integers(captions.shape[1]))
            told_as = torch.from_numpy(captions[index, which].astype(np.int64))
            tokens.append(tokenise(tokenizer, [composed(drawn)])[0] if is_composed else told_as)
            boxes.append(drawn)
        return torch.stack(tokens), boxes

    def loss_of(step: int) -> torch.Tensor:
        indices, rng = next(samples), np.random.default_rng([step, 67])
        generator = torch.Generator().manual_seed(step)
        clean = latents[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.multinomial(shares, len(clean), replacement=True, generator=generator)
        tokens, boxes = words_and_boxes(indices, rng)
        rest = torch.cat([torch.ones_like(clean[:, :1]), grey.expand_as(clean)], dim=1)
        inputs = torch.cat([noising.add_noise(clean, noise, timesteps), rest], dim=1)
        target = noising.get_velocity(clean, noise, timesteps).to(options.device)
        timesteps = timesteps.to(options.device)
        with autocast:
            with torch.no_grad():
                words = text(tokens.to(options.device)).last_hidden_state
            inputs = inputs.to(options.device, memory_format=pick_layout(options.device))
            predicted = model(inputs, timesteps, words, phrases.inputs(boxes))
        weights = weights_of(boxes, target.shape[-1]).to(options.device)
        return (weights * (predicted.float() - target).square()).mean() / weights.mean()

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        rng = np.random.default_rng(71)
        boxes = [sample_of(dataset.UNSEEN + place, rng)[0] for place in range(SHOWN)]
        words = text(tokenise(tokenizer, [composed(each) for each in boxes]).to(options.device)).last_hidden_state
        unconditional = text(empty[None].to(options.device)).last_hidden_state
        with autocast:
            drawn = sample(average, words, unconditional, phrases.inputs(boxes), grey.to(options.device))
        pictures = first_stage.decode(drawn.float() / first_stage.config.scaling_factor).sample
        grids.save(run.folder / "grid.png", [pictures[at::4] for at in range(4)])

    run.train(loss_of, show, show_every=500)


def sample(
    model: GatedLayers,
    words: torch.Tensor,
    unconditional: torch.Tensor,
    boxes: dict[str, torch.Tensor],
    grey: torch.Tensor,
) -> torch.Tensor:
    """See `denoiser.guided`; words [B, L, width], ``unconditional`` [1, L, width], the boxes of `Phrases.inputs`."""
    both = {key: torch.cat([value, value]) for key, value in boxes.items()}
    both["masks"][len(words) :] = 0
    text = torch.cat([words, unconditional.expand_as(words)])
    return denoiser.guided(lambda inputs, timestep: model(inputs, timestep, text, both), len(words), grey)


if __name__ == "__main__":
    train(options("layout"))
