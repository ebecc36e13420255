"""Each scene is told in several ways, and sometimes in none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from storybook import (
    denoiser,
)
from storybook.caption_tokens import WAYS, caption_tokens
from storybook.presets import PRESETS
from storybook.tokenizer import MAX_TOKENS, make_tokenizer, tokenise
from storybook.world import LANGUAGES, caption, scene
from studio.models.text.vocabulary import unknown_words, words_of


def test_each_scene_is_told_several_times_in_every_language_and_sometimes_not_at_all(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    captions = caption_tokens(PRESETS["toy"], tmp_path, tmp_path / "tokenizer")
    assert captions.shape == (PRESETS["toy"].scenes, WAYS * len(LANGUAGES), MAX_TOKENS)
    for number, language in enumerate(LANGUAGES):
        words = tokenizer.decode(captions[5, number], skip_special_tokens=True)
        assert unknown_words(words, frozenset().union(*map(words_of, _some_captions(language)))) == ()
    empty = tokenise(tokenizer, [""])[0]
    rng = np.random.default_rng(0)
    indices = rng.integers(len(captions), size=4000)
    prompts = denoiser.prompts_of(captions, empty, indices, rng)
    share = float((prompts == empty).all(1).float().mean())
    assert share == pytest.approx(denoiser.EMPTY_PROMPTS, abs=0.02)
    row = next(row for row in range(4000) if not torch.equal(prompts[row], empty))
    assert any(np.array_equal(prompts[row].numpy(), way) for way in captions[indices[row]])


def _some_captions(language: str) -> list[str]:
    rng = np.random.default_rng(1)
    return [caption(scene(seed), language, rng) for seed in range(1500)]
