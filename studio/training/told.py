"""Captions of the training scenes as tokens, made once and kept on disk: a large GPU would wait for them otherwise."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from studio.training.dataset import CHUNK
from studio.training.presets import Preset
from studio.training.tokenizer import MAX_TOKENS, stored_tokenizer, tokenise
from studio.training.world import LANGUAGES, caption, scene

WAYS = 4  # in which each scene is told in each language


def _tell(job: tuple[int, int, Path]) -> NDArray[np.int16]:
    first, last, tokenizer_folder = job
    captions = []
    for seed in range(first, last):
        each, rng = scene(seed), np.random.default_rng([seed, 43])
        captions += [caption(each, language, rng) for _ in range(WAYS) for language in LANGUAGES]
    tokens = tokenise(stored_tokenizer(tokenizer_folder), captions)
    return tokens.reshape(last - first, -1, MAX_TOKENS).numpy().astype(np.int16)


def told(preset: Preset, folder: Path, tokenizer_folder: Path) -> NDArray[np.int16]:
    """[scenes, WAYS * languages, MAX_TOKENS], the training scenes of ``preset`` in words; made at the first call."""
    path = folder / f"told-{preset.scenes}.npy"
    if not path.exists():
        stored_tokenizer(tokenizer_folder)  # made once, before there are many
        jobs = [(at, min(at + CHUNK, preset.scenes), tokenizer_folder) for at in range(0, preset.scenes, CHUNK)]
        with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
            chunks = list(tqdm(pool.imap(_tell, jobs), total=len(jobs), desc="telling scenes"))
        part = path.with_suffix(".part.npy")
        np.save(part, np.concatenate(chunks))
        part.replace(path)
    return np.load(path, mmap_mode="r")
