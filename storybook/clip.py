"""The stage that teaches a picture's gist: a vision tower whose embedding lies beside that of the words (CLIP, Radford
et al. 2021).

    python -m storybook.clip --preset small

The text tower is the denoiser's own text encoder, frozen, with a projection: a second one would only
be larger, and words in three languages mean the same to it already. It is asked for the mean over its tokens; its
pooled output, which CLIP takes, was left behind when it was trained to steer pictures. The vision tower gets the same
head start as the text encoder had: it also answers what the scene shows, and each of its patches what is there
(`cells.py`), with classifiers that are thrown away afterwards. The patches are asked where `image_prompt.py` looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from storybook import cells, dataset, denoiser, layout, questions, text_encoder
from storybook.caption_tokens import caption_tokens
from storybook.presets import Preset
from storybook.run import Options, Run, options, pick_autocast
from storybook.tokenizer import stored_tokenizer, tokenise
from storybook.world import LANGUAGES, arranged, caption, scene
from studio.models.adapters.clip import mean_over_words
from studio.models.autoencoders.autoencoder import to_pictures

FIRST_LOGIT_SCALE = 2.659  # the logarithm of 1 / 0.07 (Radford et al. 2021, section 2.5)
LARGEST_LOGIT_SCALE = 4.605  # of 100, likewise
LEAST_CROP = 0.9  # of a side: pictures are seen a little cut
SIDE = 8  # patches along a picture's side
PROMPTING_LAYER = -2  # whose patches a picture as a prompt is made of
SHOWN = 500


class Answer(NamedTuple):
    """Embeddings of pictures and of words, [B, width] each; the logits of `questions.py`, [B, questions.LOGITS], and of
    `cells.py`, [B, patches, cells.LOGITS]."""

    seen: torch.Tensor
    read: torch.Tensor
    guesses: torch.Tensor
    cells: torch.Tensor


class Clip(nn.Module):
    """What this stage trains: the vision tower, both projections, the scale of the logits, and the throw-away heads."""

    def __init__(self, vision: CLIPVisionModelWithProjection, text_width: int) -> None:
        super().__init__()
        width = vision.config.projection_dim
        self.vision = vision
        self.text_projection = nn.Linear(text_width, width, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(FIRST_LOGIT_SCALE))
        self.head = nn.Linear(width, questions.LOGITS)
        self.cells = nn.Linear(vision.config.hidden_size, cells.LOGITS)

    def forward(self, pixels: torch.Tensor, words: torch.Tensor) -> Answer:
        """pixels [B, 3, side, side] in -1..1, the text encoder's mean over ``words`` [B, width]."""
        seen = self.vision(pixels, output_hidden_states=True)
        patches = seen.hidden_states[PROMPTING_LAYER][:, 1:]
        return Answer(seen.image_embeds, self.text_projection(words), self.head(seen.image_embeds), self.cells(patches))


def config(preset: Preset) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=preset.vision_width,
        intermediate_size=preset.vision_width * 4,
        num_hidden_layers=preset.vision_layers,
        num_attention_heads=4,
        image_size=preset.vision_side,
        patch_size=preset.vision_side // SIDE,
        projection_dim=preset.text_width,
    )


def build(options: Options) -> Clip:
    torch.manual_seed(6)
    return Clip(CLIPVisionModelWithProjection(config(options.preset)), options.preset.text_width)


def trained(options: Options) -> Clip:
    """The averaged weights of this stage's run."""
    return Run("clip", build(options), options.preset.clip, options).averaged(build(options))


def contrast(seen: torch.Tensor, read: torch.Tensor, logit_scale: torch.Tensor) -> torch.Tensor:
    """The symmetric cross-entropy over a batch of pairs, [B, width] each (Radford et al. 2021, figure 3)."""
    logits = logit_scale.exp() * F.normalize(seen, dim=-1) @ F.normalize(read, dim=-1).T
    truth = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2


def shrunk(pixels: Iterable[NDArray[np.uint8]], side: int) -> torch.Tensor:
    """Square pictures, uint8 [H, H, 3] each, as the vision tower sees them: [B, 3, side, side] in -1..1."""
    return to_pictures(np.stack([cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in pixels]))


def cut(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square piece that lacks a little of the picture's edges."""
    whole = len(picture)
    side = round(whole * rng.uniform(LEAST_CROP, 1))
    y, x = rng.integers(whole - side + 1, size=2)
    return picture[y : y + side, x : x + side]


def train(options: Options) -> None:
    preset, folder = options.preset, text_encoder.tokenizer_folder(options)
    worlds = (scene, arranged)
    pixels = [dataset.pictures(preset, options.folder), dataset.pictures(preset, options.folder, arranged, "arranged")]
    with_things = layout.TOLD_WITH_THINGS * len(LANGUAGES)
    captions = [
        caption_tokens(preset, options.folder, folder),
        caption_tokens(preset, options.folder, folder, layout.captions_of, "told-arranged")[:, :with_things],
    ]
    scenes = [[world(seed) for seed in range(preset.scenes)] for world in worlds]
    truth = torch.stack([questions.truths(each) for each in scenes])
    text = denoiser.trained(options).text.requires_grad_(False)
    model = build(options)
    run = Run("clip", model, preset.clip, options)
    autocast = pick_autocast(options.device)
    samples = dataset.batches(len(worlds) * preset.scenes, preset.clip.batch, run.step)

    def loss_of(step: int) -> torch.Tensor:
        rng = np.random.default_rng([step, 97])
        which, seeds = np.divmod(next(samples), preset.scenes)
        pieces = [
            cut(np.dstack([pixels[world][seed], cells.shown(scenes[world][seed], preset.size)]), rng)
            for world, seed in zip(which, seeds, strict=True)
        ]
        pictures = shrunk([piece[..., :3] for piece in pieces], preset.vision_side).to(options.device)
        in_cells = torch.from_numpy(np.stack([cells.sampled(piece[..., 3:], SIDE) for piece in pieces]))
        tokens = np.stack(
            [captions[world][seed, rng.integers(captions[world].shape[1])]
             for world, seed in zip(which, seeds, strict=True)]
        )  # fmt: skip
        with autocast:
            words = _read(text, torch.from_numpy(tokens.astype(np.int64)))
            answer = model(pictures, words)
        asked = truth[which, seeds].to(options.device)
        scale = model.logit_scale.clamp(max=LARGEST_LOGIT_SCALE)
        matching = contrast(answer.seen.float(), answer.read.float(), scale)
        return matching + questions.loss(answer.guesses, asked) + cells.loss(answer.cells, in_cells.to(options.device))

    @torch.no_grad()
    def show() -> None:
        average = run.averaged(build(options))
        rng = np.random.default_rng(101)
        unseen = [scene(dataset.UNSEEN + number) for number in range(SHOWN)]
        pictures = shrunk(dataset.unseen(SHOWN, preset.size), preset.vision_side).to(options.device)
        tokenizer = stored_tokenizer(folder)
        recalled = []
        for language in LANGUAGES:
            words = [caption(each, language, rng) for each in unseen]
            answer = average(pictures, _read(text, tokenise(tokenizer, words)))
            recalled.append(recall(answer.seen, answer.read))
        right = questions.right(answer.guesses.cpu(), questions.truths(unseen))
        in_cells = np.stack([cells.sampled(cells.shown(each, preset.size), SIDE) for each in unseen])
        right["kinds in cells"] = cells.right(answer.cells.cpu(), torch.from_numpy(in_cells))
        print(
            f"\nstep {run.step}: recall@1 {' '.join(f'{share:.3f}' for share in recalled)}; "
            + ", ".join(f"{name} {share:.2f}" for name, share in right.items()),
            flush=True,
        )

    run.train(loss_of, show, show_every=500)


def recall(seen: torch.Tensor, read: torch.Tensor) -> float:
    """Of pairs of embeddings, [N, width] each, the share of words whose nearest picture is their own."""
    nearest = (F.normalize(read, dim=-1) @ F.normalize(seen, dim=-1).T).argmax(-1)
    return float((nearest == torch.arange(len(seen), device=seen.device)).float().mean())


@torch.no_grad()
def _read(text: CLIPTextModel, tokens: torch.Tensor) -> torch.Tensor:
    """The mean over ``tokens`` [B, L]. What all captions lack at their ends is left out: no token sees it."""
    longest = int((tokens != text.config.pad_token_id).sum(1).max())
    tokens = tokens[:, :longest].to(text.device)
    return mean_over_words(text(tokens).last_hidden_state.float(), tokens, text.config.pad_token_id)


if __name__ == "__main__":
    train(options("clip"))
