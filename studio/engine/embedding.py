"""Looks at pictures and words for the gallery's search, always with the same model: Storybook's CLIP, which ships.

It is small (2 M parameters) and stays on the CPU, whatever pack draws, so that everything that was ever looked at can
be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTextModel

from studio.errors import PackError
from studio.images.pixels import Pixels
from studio.models.adapters.clip import TEXT_PROJECTION, Clip, load_clip, mean_over_words
from studio.models.catalogue import ASSETS, IMAGE_ENCODER, STORYBOOK
from studio.models.text.encoders import TextEncoder
from studio.models.text.tokenizers import load_tokenizer
from studio.models.weights.files import weights_in
from studio.models.weights.hashing import hash_of_files
from studio.models.weights.networks import load_model

CPU = torch.device("cpu")


class Embedder:
    """Loads its models when they are first needed, from the pack in ``folder``."""

    def __init__(self, folder: Path = ASSETS / STORYBOOK) -> None:
        self._folder = folder

    @cached_property
    def name(self) -> str:
        """Of the model: vectors of different names cannot be compared."""
        files = weights_in(self._folder / IMAGE_ENCODER) + [self._folder / TEXT_PROJECTION]
        return f"{STORYBOOK}-{hash_of_files(files)}"

    def look(self, items: Sequence[Pixels | str]) -> tuple[bytes, ...]:
        """What each picture shows and each text says, as float32 of one width. Raises `PackError` where the model is
        not there."""
        return tuple(self._vector(each).numpy().astype(np.float32).tobytes() for each in items)

    def _vector(self, item: Pixels | str) -> torch.Tensor:
        return self._clip.embed(item.array) if isinstance(item, Pixels) else self._words(item)

    @cached_property
    def _clip(self) -> Clip:
        clip = load_clip(self._folder, CPU, torch.float32)
        if clip is None or clip.text_projection is None:
            raise PackError("The gallery's search by what pictures show needs Storybook's CLIP, which is not there.")
        return clip

    @cached_property
    def _tower(self) -> TextEncoder:
        model = load_model(CLIPTextModel, self._folder / "text_encoder", torch.float32, CPU)
        return TextEncoder(model, load_tokenizer(self._folder / "tokenizer"))

    def _words(self, text: str) -> torch.Tensor:
        tokens, model, projection = self._tower.tokens([text]), self._tower.model, self._clip.text_projection
        assert projection is not None
        with torch.inference_mode():
            hidden = model(tokens).last_hidden_state.float()
        return projection @ mean_over_words(hidden, tokens, model.config.pad_token_id)[0]
