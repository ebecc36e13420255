"""A pack in memory: the models that serve the tabs, and the few things that one asks of them.

Pure inference: text to conditioning, latents to pictures. It knows nothing of rows, samplers' progress or requests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from studio.errors import PackError
from studio.images.boxes import MOST_BOXES, Boxed
from studio.packs.catalogue import PackInfo
from studio.packs.clip import Clip, mean_over_words
from studio.packs.conditioning import ConditioningBatch
from studio.packs.first_stage import FirstStage
from studio.packs.grounding import Grounding
from studio.packs.vocabulary import unknown_words
from studio.samplers.table import Tables

KEPT_PROMPTS = 512
KEPT_SIZES = 16
INPAINTING_CHANNELS = 9  # latent 4, mask 1, masked latent 4


class Predict(Protocol):
    """How a family calls its model, in the model's own type."""

    def __call__(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
    ) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A U-Net of diffusers with its noise schedule and its first stage; ``channels`` latent channels.

    ``predict`` is its family's way to call it. ``native_area`` latents are one unit of work: what the pack's main
    denoiser was trained at, or as much work for another one. ``grounding`` makes tokens of boxes and ``projection`` of
    pictures' embeddings, where the U-Net takes some.
    """

    unet: Any
    predict: Predict
    tables: Tables
    first_stage: FirstStage
    channels: int
    native_area: float
    grounding: Grounding | None = None
    projection: Any = None

    @cached_property
    def device(self) -> torch.device:
        return self.unet.device  # looks through all parameters, and is asked several times a step

    @property
    def factor(self) -> int:
        """Pixels a latent."""
        return self.first_stage.factor

    @property
    def prediction(self) -> str:
        return self.tables.schedule.prediction

    def __call__(self, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch) -> torch.Tensor:
        """latents [B, channels, h, w], timesteps [B] float32 -> the model's output [B, channels, h, w] float32.

        Timesteps stay float32 whatever the weights' type: in bfloat16 they would be off by up to four.
        """
        with torch.inference_mode():
            return self.predict(self.unet, latents, timesteps, conditioning).float()


@dataclass(eq=False)
class Pack:
    """``tokenizer`` is any tokenizer of transformers; ``model_hash`` names the denoiser's weights; ``vocabulary`` is
    for packs of a small world; ``upscaler`` serves super-resolution and ``clip`` compares pictures with words and each
    other, where the pack has them."""

    info: PackInfo
    denoiser: Denoiser
    text_encoder: Any
    tokenizer: Any
    model_hash: str
    vocabulary: frozenset[str] | None = None
    upscaler: Denoiser | None = None
    clip: Clip | None = None
    _prompts: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=OrderedDict)
    _blank: OrderedDict[tuple[int, int], torch.Tensor] = field(default_factory=OrderedDict)

    @property
    def device(self) -> torch.device:
        return self.denoiser.device

    @property
    def first_stage(self) -> FirstStage:
        return self.denoiser.first_stage

    @property
    def sees_masks(self) -> bool:
        """Whether the denoiser takes a mask and a masked picture as channels beside the latent's."""
        return bool(self.denoiser.unet.config.in_channels == INPAINTING_CHANNELS)

    @property
    def takes_boxes(self) -> bool:
        """Whether the denoiser can be steered by boxes."""
        return self.denoiser.grounding is not None

    @property
    def longest_prompt(self) -> int:
        """In tokens, the begin and the end among them."""
        return int(min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings))

    def cuts(self, prompt: str) -> bool:
        """Whether ``prompt`` is longer than the text encoder reads."""
        return len(self.tokenizer(prompt, truncation=False, verbose=False).input_ids) > self.longest_prompt

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """What of ``prompt`` the pack has never met; nothing for packs without a vocabulary."""
        return () if self.vocabulary is None else unknown_words(prompt, self.vocabulary)

    def encode_prompt(self, prompt: str) -> torch.Tensor:
        """[tokens, width] float32 on the device; prompts longer than the text encoder reads are cut."""
        return self._read(prompt)[0]

    def _read(self, prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
        """What the text encoder says of each token and of all words together, float32. Cached."""
        if prompt not in self._prompts:
            tokens = self._tokens([prompt])
            with torch.inference_mode():
                hidden = self.text_encoder(tokens).last_hidden_state.float()
                together = mean_over_words(hidden, tokens, self.text_encoder.config.pad_token_id)
            self._prompts[prompt] = hidden[0], together[0]
            if len(self._prompts) > KEPT_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(prompt)
        return self._prompts[prompt]

    def encode_boxes(self, boxes: Sequence[Boxed]) -> torch.Tensor:
        """The tokens that layers for boxes attend to, [MOST_BOXES, width] float32 on the device; places that are not
        needed hold the token of no box. Raises `PackError` where the pack takes no boxes."""
        if self.denoiser.grounding is None:
            raise PackError(f"The pack {self.info.title} cannot be steered by boxes; choose another one.")
        corners = torch.zeros(1, MOST_BOXES, 4, device=self.device)
        phrases = torch.zeros(1, MOST_BOXES, self.text_encoder.config.hidden_size, device=self.device)
        masks = torch.zeros(1, MOST_BOXES, device=self.device)
        with torch.inference_mode():
            if boxes:
                corners[0, : len(boxes)] = torch.tensor([each.box for each in boxes])
                phrases[0, : len(boxes)] = self.text_encoder(
                    self._tokens([each.phrase for each in boxes])
                ).pooler_output.float()
                masks[0, : len(boxes)] = 1
            return self.denoiser.grounding(corners, masks, phrases)[0]

    def embed_picture(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """What ``picture``, uint8 [H, W, 3], shows, as CLIP sees it: [width] float32 on the device. Raises `PackError`
        where the pack cannot be steered by pictures."""
        if self.clip is None or self.denoiser.projection is None:
            raise PackError(f"The pack {self.info.title} cannot be steered by pictures; choose another one.")
        return self.clip.embed(picture)

    def picture_tokens(self, embedding: torch.Tensor) -> torch.Tensor:
        """What the layers for pictures attend to, [tokens, width] float32; zeros stand for no picture."""
        with torch.inference_mode():
            tokens: torch.Tensor = self.denoiser.projection(embedding[None])[0].float()
        return tokens

    def similarity(self, picture: NDArray[np.uint8], words: str) -> float | None:
        """How well ``picture``, uint8 [H, W, 3], shows what ``words`` say: the cosine of their CLIP embeddings, -1..1.
        None where there are no words, or the pack cannot tell."""
        if self.clip is None or self.clip.text_projection is None or not words:
            return None
        return float(F.cosine_similarity(self.clip.embed(picture), self.embed_words(words), dim=0))

    def embed_words(self, words: str) -> torch.Tensor:
        """What ``words`` say, in the space of `embed_picture`: [width] float32 on the device. Raises `PackError` where
        the pack has no text tower for it."""
        if self.clip is None or self.clip.text_projection is None:
            raise PackError(f"The pack {self.info.title} cannot compare words with pictures; choose another one.")
        return self.clip.text_projection @ self._read(words)[1]

    def _tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """int64 [B, longest prompt] on the device, cut or padded."""
        tokens = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self.longest_prompt, return_tensors="pt"
        )
        return tokens.input_ids.to(self.device)

    def blank_concat(self, height: int, width: int) -> torch.Tensor | None:
        """The concatenated conditioning of an inpainting denoiser when there is no picture to keep: [5, h, w]; None for
        other denoisers.

        A mask of ones and the latent of a grey picture. height and width in latents. Cached.
        """
        if not self.sees_masks:
            return None
        size = (height, width)
        if size not in self._blank:
            factor = self.denoiser.factor
            grey = self.first_stage.encode(torch.zeros(1, 3, height * factor, width * factor))[0]
            self._blank[size] = torch.cat([torch.ones_like(grey[:1]), grey])
            if len(self._blank) > KEPT_SIZES:
                self._blank.popitem(last=False)
        self._blank.move_to_end(size)
        return self._blank[size]
