"""What a denoiser is conditioned on: one value for a model input, and one for all inputs of a call.

Every family of denoisers consumes the same value and takes from it what it knows; what steers a picture in a new way is
one more field here. diffusers' names of the parts: ``encoder_hidden_states`` (text), ``text_embeds`` and ``time_ids``
(SDXL), ``gligen`` (boxes), ``ip_hidden_states`` (image), and the channels that inpainting U-Nets and upscalers have
beside the latent's (concat).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from studio.models.adapters.gligen import Layout
from studio.models.adapters.ip_adapter import ImagePrompts


@dataclass(frozen=True, eq=False)
class ImageTokens:
    """``tokens`` [tokens, width] of a picture, and how strongly they act: 0 is not at all."""

    tokens: torch.Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Of one model input; None where there is no such thing.

    text:     [tokens, width]
    pooled:   [width], all words together (SDXL)
    time_ids: [6], original size, crop and target size (SDXL)
    boxes:    [boxes, width], the tokens that open the gates of layers for boxes
    image:    a picture as a prompt
    concat:   [channels, h, w], channels beside the latent's
    guidance: the scale of guidance minus 1, for a denoiser that was distilled from a guided one (LCM)
    level:    how noisy what ``concat`` shows has been made, as a training time (the x4 upscaler)
    """

    text: torch.Tensor
    pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    boxes: torch.Tensor | None = None
    image: ImageTokens | None = None
    concat: torch.Tensor | None = None
    guidance: float | None = None
    level: int | None = None


@dataclass(frozen=True, eq=False)
class ConditioningBatch:
    """Of all B inputs of a call, likewise: text [B, tokens, width], pooled [B, width], time_ids [B, 6], concat
    [B, channels, h, w], guidance and level [B]. ``layout`` is of the first inputs only, ``image`` of all."""

    text: torch.Tensor
    pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None
    layout: Layout | None = None
    image: ImagePrompts | None = None
    concat: torch.Tensor | None = None
    guidance: torch.Tensor | None = None
    level: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.text)

    def first(self) -> ConditioningBatch:
        """Of the first input alone, without boxes and pictures."""
        names = ("pooled", "time_ids", "concat", "guidance", "level")
        parts = {name: part[:1] for name in names if (part := getattr(self, name)) is not None}
        return ConditioningBatch(self.text[:1], **parts)


class Predict(Protocol):
    """How a family calls its model, in the model's own type."""

    def __call__(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
    ) -> torch.Tensor: ...


def stack(inputs: Sequence[Conditioning], padded_to: int | None = None) -> ConditioningBatch:
    """``inputs`` as one; those with boxes come before all others. With ``padded_to``, the layers for boxes see that
    many inputs, too, if they see any: for calls of one size."""
    first = inputs[0]
    return ConditioningBatch(
        text=torch.stack([each.text for each in inputs]),
        pooled=None if first.pooled is None else _stacked([each.pooled for each in inputs]),
        time_ids=None if first.time_ids is None else _stacked([each.time_ids for each in inputs]),
        layout=_layout(inputs, padded_to),
        image=_image(inputs),
        concat=None if first.concat is None else _stacked([each.concat for each in inputs]),
        guidance=_numbers([each.guidance for each in inputs], first.text.device),
        level=_numbers([each.level for each in inputs], first.text.device),
    )


def _stacked(parts: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """Inputs of one denoiser all have a part, or none has it."""
    return torch.stack([part for part in parts if part is not None])


def _numbers(parts: Sequence[float | None], device: torch.device) -> torch.Tensor | None:
    known = [part for part in parts if part is not None]
    assert len(known) in (0, len(parts)), "inputs of one denoiser all have a part, or none has it"
    return torch.tensor(known, device=device) if known else None


def _layout(inputs: Sequence[Conditioning], padded_to: int | None) -> Layout | None:
    boxes = [each.boxes for each in inputs if each.boxes is not None]
    if not boxes:
        return None
    padding = max(0, (padded_to or 0) - len(boxes))
    return Layout(torch.stack([*boxes, *boxes[-1:] * padding]), len(boxes))


def _image(inputs: Sequence[Conditioning]) -> ImagePrompts | None:
    """None where no input has a picture; else those without get tokens of zeros, which act at 0."""
    some = next((each.image for each in inputs if each.image is not None), None)
    if some is None:
        return None
    none = ImageTokens(torch.zeros_like(some.tokens), 0.0)
    pairs = [each.image or none for each in inputs]
    scale = torch.tensor([each.scale for each in pairs], device=some.tokens.device)
    return ImagePrompts(torch.stack([each.tokens for each in pairs]), scale[:, None, None])
