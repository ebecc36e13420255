"""Captions of the training scenes as tokens, made once and kept on disk: a large GPU would wait for them otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storybook.dataset import CHUNK, on_all_cores
from storybook.presets import Preset
from storybook.tokenizer import MAX_TOKENS, stored_tokenizer, tokenise
from storybook.world import LANGUAGES, caption, scene

WAYS = 4  # in which each scene is told in each language


def captions_of(seed: int) -> list[str]:
    """The scene of ``seed``, told WAYS times in each language."""
    each, rng = scene(seed), np.random.default_rng([seed, 43])
    return [caption(each, language, rng) for _ in range(WAYS) for language in LANGUAGES]


def _tell(job: tuple[int, int, Path, Callable[[int], list[str]]]) -> NDArray[np.int16]:
    first, last, tokenizer_folder, tell = job
    captions = [words for seed in range(first, last) for words in tell(seed)]
    tokens = tokenise(stored_tokenizer(tokenizer_folder), captions)
    return tokens.reshape(last - first, -1, MAX_TOKENS).numpy().astype(np.int16)


def caption_tokens(
    preset: Preset,
    folder: Path,
    tokenizer_folder: Path,
    tell: Callable[[int], list[str]] = captions_of,
    name: str = "told",
) -> NDArray[np.int16]:
    """[scenes, captions, MAX_TOKENS], the training scenes of ``preset`` in words; made at the first call.

    ``tell`` gives the captions of each seed, always as many; ``name`` is that of the file, one for each way of telling.
    """
    path = folder / f"{name}-{preset.scenes}.npy"
    if not path.exists():
        stored_tokenizer(tokenizer_folder)  # made once, before there are many
        starts = range(0, preset.scenes, CHUNK)
        jobs = [(at, min(at + CHUNK, preset.scenes), tokenizer_folder, tell) for at in starts]
        chunks = list(on_all_cores(_tell, jobs, "telling scenes"))
        part = path.with_suffix(".part.npy")
        np.save(part, np.concatenate(chunks))
        part.replace(path)
    return np.load(path, mmap_mode="r")
