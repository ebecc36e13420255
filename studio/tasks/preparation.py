"""What several tasks do when they make rows of a request: words and pictures that steer, the sampler's table, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from studio.engine.row import RowConditioning
from studio.errors import InvalidRequest, PackError
from studio.images.pixels import Image, Pixels
from studio.images.tiles import Tiling
from studio.models.adapters.lora import OWN
from studio.models.conditioning import Conditioning, ImageTokens
from studio.models.model import Denoiser, Pack
from studio.prompts import read_prompt
from studio.requests.request import Prompted, Request
from studio.sampling.catalogue import find_sampler
from studio.sampling.table import SamplerTable


def guided(
    request: Prompted, pack: Pack, tiling: Tiling, *others: str, concat: torch.Tensor | None = None
) -> RowConditioning:
    """By the words of ``request``, all made as long as ``others``; ``concat`` is what the denoiser sees beside the
    latent, if not the usual. A denoiser that was distilled from a guided one is told the scale instead."""
    if pack.denoiser is pack.upscaler:
        raise PackError(
            "The pack {pack} makes pictures larger and nothing else; choose another one.", pack=pack.info.title
        )
    if not pack.text.networks:
        return _unprompted(request, pack)
    if request.clip_skip and not pack.text.can_skip:
        raise InvalidRequest("clip_skip", request.clip_skip, "0 with {pack}", pack=pack.info.title)
    if concat is None:
        concat = pack.blank_concat(tiling.rows, tiling.columns)
    loras = read_prompt(request.caption).loras
    if pack.info.is_quick_with(request.sampler):
        loras += (OWN,)
    pack.denoiser.set_adapters(loras)  # which may bring words of their own
    prompts = [request.caption, *others, *([request.negative] if request.guidance > 1 else [])]
    chunks, size = max(map(pack.text.chunks, prompts)), (tiling.height, tiling.width)
    conditional, unconditional = (
        pack.condition(words, size, concat, chunks=chunks, skip=request.clip_skip, loras=loras)
        for words in (request.caption, prompts[-1])
    )
    guidance = RowConditioning(conditional, loras=loras)
    if pack.denoiser.embedded_guidance is not None:
        return replace(
            guidance, conditional=replace(conditional, guidance=pack.denoiser.embedded_guidance(request.guidance))
        )
    second = unconditional if request.guidance > 1 else None
    return replace(guidance, unconditional=second, scale=request.guidance, rescale=request.rescale)


def _unprompted(request: Prompted, pack: Pack) -> RowConditioning:
    """For a pack that reads no words."""
    if request.caption.strip():
        raise InvalidRequest("prompt", request.caption, "nothing, as {pack} reads no words", pack=pack.info.title)
    return RowConditioning(Conditioning(torch.zeros(0, 0, device=pack.device)))


def with_each(
    guidance: RowConditioning, conditional: Mapping[str, Any], unconditional: Mapping[str, Any]
) -> RowConditioning:
    """``guidance`` with these fields of its two conditionings."""
    second = guidance.unconditional
    return replace(
        guidance,
        conditional=replace(guidance.conditional, **conditional),
        unconditional=None if second is None else replace(second, **unconditional),
    )


def with_image(guidance: RowConditioning, pack: Pack, prompt: torch.Tensor, likeness: float) -> RowConditioning:
    """A picture as a prompt: ``prompt`` is its `Pack.image_prompt`."""
    image, none = (ImageTokens(pack.picture_tokens(each), likeness) for each in (prompt, pack.no_image_prompt(prompt)))
    return with_each(guidance, {"image": image}, {"image": none})


def source_of(request: Request, field: str, images: Mapping[str, Image]) -> Pixels:
    """The picture that ``field`` of ``request`` names. Raises `InvalidRequest` where it is not among ``images``."""
    source = images.get(request.named[field])
    if not isinstance(source, Pixels):
        raise InvalidRequest(field, request.named[field], "a picture that is there; please give it again")
    return source


def table_of(request: Request, denoiser: Denoiser, tiling: Tiling, first_call: int = 0) -> SamplerTable:
    """The sampler table that ``request`` asks for, from model call ``first_call`` on; the model sees the tiles of
    ``tiling``."""
    sampler = find_sampler(request.sampler).on(request.schedule)
    tokens = denoiser.architecture.tokens(tiling.height, tiling.width)
    return denoiser.tables.table(sampler, request.steps, first_call=first_call, eta=request.eta, tokens=tokens)


def latent_size(request: Request, denoiser: Denoiser) -> tuple[int, int]:
    """Height and width in latents of the picture that is asked for. Raises `InvalidRequest` for sides that the model
    does not take."""
    multiple = denoiser.factor * denoiser.architecture.patch
    for name, side in (("width", request.width), ("height", request.height)):
        if side % multiple:
            raise InvalidRequest(name, side, "a multiple of {multiple} with this model", multiple=multiple)
    return request.height // denoiser.factor, request.width // denoiser.factor


def prompted_cost(request: Prompted, area: float, denoiser: Denoiser) -> float:
    """How many model inputs of the denoiser's own size one step at ``area`` latents takes."""
    return (2 if request.guidance > 1 else 1) * area / denoiser.native_area


def first_call(request: Request, strength: float) -> int:
    """The model call that drawing begins with, where it goes through the share ``strength`` of the steps only."""
    return min(round(request.steps * (1 - strength)), request.steps - 1) * find_sampler(request.sampler).calls
