"""A pack in memory: the models that serve the tabs, and the few things that one asks of them.

Pure inference: text to conditioning, latents to pictures. It knows nothing of rows, samplers' progress or requests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from studio.errors import InvalidRequest, PackError
from studio.images.boxes import MOST_BOXES, Boxed
from studio.models.acceleration.compiling import Compiled
from studio.models.acceleration.tracing import Traced, is_worth_tracing
from studio.models.adapters.clip import Clip, mean_over_words
from studio.models.adapters.gligen import Grounding
from studio.models.adapters.ip_adapter import sees_patches
from studio.models.adapters.lora import Loras
from studio.models.architecture import Architecture
from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.catalogue import PackInfo
from studio.models.conditioning import Conditioning, ConditioningBatch, Predict
from studio.models.text.encoders import TextEncoder, TextEncoders, TextReader
from studio.models.text.thesaurus import Thesaurus
from studio.models.text.vocabulary import unknown_words
from studio.prompts import Lora, read_prompt
from studio.requests.limits import EXACT
from studio.sampling.process import BetaSchedule, Coefficients, find_prediction
from studio.sampling.trace import Tables

KEPT_SIZES = 16


@dataclass(frozen=True)
class Augmentation:
    """The noise that a small picture gets before an upscaler sees it, at the time ``level`` of ``schedule``."""

    schedule: BetaSchedule
    level: int

    def __call__(self, picture: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Of any shape."""
        noise = torch.randn(picture.shape, dtype=torch.float32, generator=generator)
        return self.schedule.add_noise(picture, noise, self.level)


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A ``network`` of diffusers with its process and its first stage; ``channels`` latent channels.

    ``architecture`` is its family's way to call it. ``native_area`` latents are one unit of work: what the pack's main
    denoiser was trained at, or as much work for another one. ``grounding`` makes tokens of boxes and ``projection`` of
    what CLIP sees, where the network takes some. ``augmentation`` is what an upscaler's small picture goes through.
    ``traces``: whether a small U-Net is called through traces (`studio.models.acceleration.tracing`): the same bits,
    sooner.
    ``compiles``: whether programs are made for calls of a few sizes (`studio.models.acceleration.compiling`).
    ``sees_masks``: whether it takes a mask and a masked picture as channels beside the latent's. ``knows_sizes``:
    whether it is told what size a picture has (Podell et al. 2023, section 2.2). ``embedded_guidance``: of a network
    that was distilled from a guided one and is told the scale of guidance (Meng et al. 2023), what it is told for one.
    """

    network: Any
    architecture: Architecture
    tables: Tables
    first_stage: Autoencoder
    channels: int
    native_area: float
    grounding: Grounding | None = None
    projection: Any = None
    augmentation: Augmentation | None = None
    loras: Loras | None = None
    traces: bool = True
    compiles: bool = False
    sees_masks: bool = False
    knows_sizes: bool = False
    embedded_guidance: Callable[[float], float] | None = None

    @cached_property
    def device(self) -> torch.device:
        return self.network.device  # looks through all parameters, and is asked several times a step

    @cached_property
    def _predict_base(self) -> Predict:
        """The network's call without LoRAs, as quickly as this device can."""
        predict = self.architecture.predict
        if self.compiles:
            return Compiled(predict)
        return Traced(predict) if self.traces and is_worth_tracing(self.network) else predict

    @property
    def factor(self) -> int:
        """Pixels a latent."""
        return self.first_stage.factor

    @property
    def prediction(self) -> str:
        return self.tables.process.prediction

    def x0(self, latent: torch.Tensor, output: torch.Tensor, at: Coefficients) -> torch.Tensor:
        """The original sample that the model's ``output`` at ``latent`` points to; all [B, C, h, w]."""
        return find_prediction(self.prediction)(latent, output, at)

    def set_adapters(self, loras: tuple[Lora, ...]) -> None:
        """Makes ``loras``, and no others, act on the U-Net and on the text encoders that it listens to. Raises
        `InvalidRequest` for one that is not there or does not fit."""
        if self.loras is not None:
            self.loras.set_adapters(loras)
        elif loras:
            raise InvalidRequest("lora", loras[0].name, "nothing, as there is no folder for LoRAs here")

    def __call__(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: ConditioningBatch,
        loras: tuple[Lora, ...] = (),
    ) -> torch.Tensor:
        """latents [B, channels, h, w], timesteps [B] float32 -> the model's output [B, channels, h, w] float32.

        Timesteps stay float32 whatever the weights' type: in bfloat16 they would be off by up to four.
        """
        self.set_adapters(loras)
        predict = self.architecture.predict if loras else self._predict_base
        with torch.inference_mode():
            return predict(self.network, latents, timesteps, conditioning).float()


@dataclass(eq=False)
class Pack:
    """``text`` reads prompts; ``model_hash`` names the denoiser's weights, ``revision`` all of them; ``vocabulary`` is
    for packs of a small world, and so is ``thesaurus``, in whose words they read prompts; ``upscaler`` serves
    super-resolution and ``clip`` compares pictures with words and each other, where the pack has them. ``precision``:
    EXACT or FAST, what its denoisers compute in (`studio.models.acceleration.precision`)."""

    info: PackInfo
    denoiser: Denoiser
    text: TextReader
    model_hash: str
    vocabulary: frozenset[str] | None = None
    thesaurus: Thesaurus | None = None
    upscaler: Denoiser | None = None
    clip: Clip | None = None
    revision: str = ""
    precision: str = EXACT
    _blank: OrderedDict[tuple[int, int], torch.Tensor] = field(default_factory=OrderedDict)

    @property
    def device(self) -> torch.device:
        return self.denoiser.device

    @property
    def first_stage(self) -> Autoencoder:
        return self.denoiser.first_stage

    @property
    def takes_boxes(self) -> bool:
        """Whether the denoiser can be steered by boxes."""
        return self.denoiser.grounding is not None

    @property
    def tower(self) -> TextEncoder:
        """The text encoder that reads phrases of boxes, and the only one of most packs. Raises `PackError` where there
        is none that reads by chunks."""
        if not isinstance(self.text, TextEncoders) or not self.text.towers:
            raise PackError("The pack {pack} has no text encoder for this; choose another one.", pack=self.info.title)
        return self.text.towers[0]

    @property
    def reads_words(self) -> bool:
        """Whether prompts steer it; some packs have no text encoder."""
        return bool(self.text.networks)

    def cuts(self, prompt: str) -> bool:
        """Whether ``prompt`` is longer than the pack reads."""
        return self.text.cuts(self.in_known_words(prompt))

    def in_known_words(self, prompt: str) -> str:
        """``prompt`` as the pack reads it."""
        return prompt if self.thesaurus is None else self.thesaurus.read(prompt)[0]

    def replaced_words(self, prompt: str) -> tuple[tuple[str, str], ...]:
        """What of ``prompt`` is read in other words, and in which."""
        return () if self.thesaurus is None else self.thesaurus.read(prompt)[1]

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """What of ``prompt`` the pack has never met, and knows no other words for; nothing for packs without a
        vocabulary."""
        known = read_prompt(self.in_known_words(prompt)).words
        return () if self.vocabulary is None else unknown_words(known, self.vocabulary)

    def condition(
        self,
        prompt: str,
        size: tuple[int, int],
        concat: torch.Tensor | None = None,
        *,
        chunks: int = 1,
        skip: int = 0,
        loras: tuple[Lora, ...] = (),
    ) -> Conditioning:
        """On ``prompt``, read with ``loras`` in at least so many ``chunks`` and without the last ``skip`` layers; for
        pictures of ``size`` = height, width in latents. LoRAs that the prompt names do not count here."""
        self.denoiser.set_adapters(loras)
        said = self.text.encode(self.in_known_words(prompt), chunks=chunks, skip=skip, state=loras)
        time_ids = None
        if self.denoiser.knows_sizes:
            height, width = (side * self.denoiser.factor for side in size)
            time_ids = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32, device=self.device)
        return Conditioning(said.text, said.pooled, time_ids, concat=concat)

    def encode_boxes(self, boxes: Sequence[Boxed], loras: tuple[Lora, ...] = ()) -> torch.Tensor:
        """The tokens that layers for boxes attend to, [MOST_BOXES, width] float32 on the device, read with ``loras``;
        places that are not needed hold the token of no box. Raises `PackError` where the pack takes no boxes."""
        if self.denoiser.grounding is None:
            raise PackError("The pack {pack} cannot be steered by boxes; choose another one.", pack=self.info.title)
        self.denoiser.set_adapters(loras)
        corners = torch.zeros(1, MOST_BOXES, 4, device=self.device)
        phrases = torch.zeros(1, MOST_BOXES, self.tower.model.config.hidden_size, device=self.device)
        masks = torch.zeros(1, MOST_BOXES, device=self.device)
        with torch.inference_mode():
            if boxes:
                corners[0, : len(boxes)] = torch.tensor([each.box for each in boxes])
                tokens = self.tower.tokens([self.in_known_words(each.phrase) for each in boxes])
                phrases[0, : len(boxes)] = self.tower.model(tokens).pooler_output.float()
                masks[0, : len(boxes)] = 1
            return self.denoiser.grounding(corners, masks, phrases)[0]

    def embed_picture(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """What ``picture``, uint8 [H, W, 3], shows, as CLIP sees it: [width] float32 on the device. Raises `PackError`
        where the pack cannot be steered by pictures."""
        return self._seeing.embed(picture)

    def image_prompt(self, picture: NDArray[np.uint8]) -> torch.Tensor:
        """What ``picture``, uint8 [H, W, 3], steers with: `picture_tokens` makes tokens of it. [width] float32 on the
        device, or [1 + patches, width]. Raises `PackError` where the pack cannot be steered by pictures."""
        return self._seeing.patches(picture) if self._sees_patches else self._seeing.embed(picture)

    def no_image_prompt(self, prompt: torch.Tensor) -> torch.Tensor:
        """What stands for no picture beside the `image_prompt` of one."""
        return self._seeing.patches_of_nothing if self._sees_patches else torch.zeros_like(prompt)

    def picture_tokens(self, prompt: torch.Tensor) -> torch.Tensor:
        """What the layers for pictures attend to, of an `image_prompt`: [tokens, width] float32."""
        projection = self.denoiser.projection
        with torch.inference_mode():
            tokens: torch.Tensor = projection(prompt[None].to(next(projection.parameters()).dtype))[0].float()
        return tokens

    @property
    def _seeing(self) -> Clip:
        if self.clip is None or self.denoiser.projection is None:
            raise PackError("The pack {pack} cannot be steered by pictures; choose another one.", pack=self.info.title)
        return self.clip

    @property
    def _sees_patches(self) -> bool:
        return sees_patches(self.denoiser.projection)

    def similarity(self, picture: NDArray[np.uint8], words: str) -> float | None:
        """How well ``picture``, uint8 [H, W, 3], shows what ``words`` say: the cosine of their CLIP embeddings, -1..1.
        None where there are no words, or the pack cannot tell."""
        said = read_prompt(words).words
        if self.clip is None or self.clip.text_projection is None or not said:
            return None
        return float(F.cosine_similarity(self.clip.embed(picture), self.embed_words(said), dim=0))

    def embed_words(self, words: str) -> torch.Tensor:
        """What ``words`` say, in the space of `embed_picture`: [width] float32 on the device. Raises `PackError` where
        the pack has no text tower for it."""
        if self.clip is None or self.clip.text_projection is None:
            raise PackError(
                "The pack {pack} cannot compare words with pictures; choose another one.", pack=self.info.title
            )
        self.denoiser.set_adapters(())  # as the vision tower was trained with
        tokens, model = self.tower.tokens([self.in_known_words(words)]), self.tower.model
        with torch.inference_mode():
            hidden = model(tokens).last_hidden_state.float()
        return self.clip.text_projection @ mean_over_words(hidden, tokens, model.config.pad_token_id)[0]

    def blank_concat(self, height: int, width: int) -> torch.Tensor | None:
        """The concatenated conditioning of an inpainting denoiser when there is no picture to keep: [5, h, w]; None for
        other denoisers.

        A mask of ones and the latent of a grey picture. height and width in latents. Cached.
        """
        if not self.denoiser.sees_masks:
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
