"""A head start for the text encoder: it learns to read captions before it must steer pictures.

    python -m storybook.text_encoder --preset small

A denoiser's loss teaches a fresh text encoder slowly, and each language on its own. So the encoder first learns to
tell what a caption says of its scene (`questions.py`). It is asked twice, of the mean over its tokens, which teaches
words quickly, and of its pooled output, which must bind them. The same scene in three languages has the same answers,
which is what brings the languages together. The denoiser's stage then trains it further, jointly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from storybook import questions
from storybook.caption_tokens import caption_tokens
from storybook.dataset import UNSEEN
from storybook.presets import Preset
from storybook.run import Options, Run, options
from storybook.tokenizer import MAX_TOKENS, stored_tokenizer, tokenise
from storybook.world import LANGUAGES, caption, scene

UNSEEN_FOR_SHOW = 256


def config(preset: Preset, tokenizer: PreTrainedTokenizerFast) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=preset.text_width,
        intermediate_size=preset.text_width * 4,
        num_hidden_layers=preset.text_layers,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=preset.text_width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


class CaptionReader(nn.Module):
    """A text encoder with one layer that answers from its pooled output, and one that answers from its mean."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooled = nn.Linear(encoder.config.hidden_size, questions.LOGITS)
        self.mean = nn.Linear(encoder.config.hidden_size, questions.LOGITS)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """tokens: int64 [B, L]; logits [B, LOGITS] from the pooled output and from the mean."""
        output = self.encoder(tokens)
        is_word = (tokens != self.encoder.config.pad_token_id)[:, :, None]
        mean = (output.last_hidden_state * is_word).sum(1) / is_word.sum(1)
        return self.pooled(output.pooler_output), self.mean(mean)


def build(options: Options, tokenizer: PreTrainedTokenizerFast) -> CaptionReader:
    torch.manual_seed(1)
    return CaptionReader(CLIPTextModel(config(options.preset, tokenizer)))


def tokenizer_folder(options: Options) -> Path:
    return options.folder / "tokenizer"


def trained(options: Options) -> CLIPTextModel:
    """The encoder with the averaged weights of this stage's run."""
    tokenizer = stored_tokenizer(tokenizer_folder(options))
    run = Run("text_encoder", build(options, tokenizer), options.preset.text, options)
    return run.averaged(build(options, tokenizer)).encoder


def train(options: Options) -> None:
    tokenizer = stored_tokenizer(tokenizer_folder(options))
    model = build(options, tokenizer)
    run = Run("text_encoder", model, options.preset.text, options)

    captions = caption_tokens(options.preset, options.folder, tokenizer_folder(options))
    all_truth = questions.truths([scene(seed) for seed in range(options.preset.scenes)])
    unseen = [scene(UNSEEN + number) for number in range(UNSEEN_FOR_SHOW)]

    def loss_of(step: int) -> torch.Tensor:
        rng = np.random.default_rng([step, 37])
        which = rng.integers(len(captions), size=options.preset.text.batch)
        tokens = captions[which, rng.integers(captions.shape[1], size=len(which))].astype(np.int64)
        truth = all_truth[which].to(options.device)
        pooled, mean = model(torch.from_numpy(tokens).to(options.device))
        return (questions.loss(pooled, truth) + questions.loss(mean, truth)) / 2

    @torch.no_grad()
    def show() -> None:
        rng = np.random.default_rng(37)
        words = [caption(each, LANGUAGES[int(rng.integers(len(LANGUAGES)))], rng) for each in unseen]
        pooled, _ = run.averaged(build(options, tokenizer))(tokenise(tokenizer, words).to(options.device))
        right = questions.right(pooled.cpu(), questions.truths(unseen))
        print(f"\nstep {run.step}: " + ", ".join(f"{name} {share:.2f}" for name, share in right.items()), flush=True)

    run.train(loss_of, show, show_every=500)


if __name__ == "__main__":
    train(options("text_encoder"))
