"""The stages of a picture: most have one; a cascade (Ho et al. 2022) has two.

The first stage draws a small picture as its task says. The second draws that anew with four times its sides by the
pack's model for super-resolution, from noise of its own. Both are rows like any other, so that small and large pictures
of many people share their calls; a picture keeps its place in its job, its owner and its request from one to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from studio.engine.effort import cost_done, pixels_done
from studio.engine.row import CascadeStage, Row
from studio.errors import PackError
from studio.images.pixels import Image
from studio.models.model import Pack
from studio.requests.limits import CASCADE_SCALE
from studio.requests.request import Request, Staged
from studio.requests.super_resolve import SuperResolve
from studio.sampling.catalogue import DEFAULT_SAMPLER, find_sampler
from studio.tasks import find_task, super_resolve

SECOND_SAMPLER, SECOND_STEPS = DEFAULT_SAMPLER, 4  # what is to be seen is there; its edges need few steps
ANY_IMAGE = "0" * 64


def prepare(job: str, request: Request, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack has no second stage."""
    if not isinstance(request, Staged) or not request.cascade:
        return find_task(request).prepare(job, request, pack, images)
    _check_second_stage(pack)
    rows = find_task(request).prepare(job, request.base, pack, images)
    second, canvas = _inputs_of_stage(_second_stage(request), pack), _second_stage(request).tiling
    pixels = canvas.rows * canvas.columns * CASCADE_SCALE**2
    for row in rows:
        row.request = request.alone(row.index)
        row.stage = CascadeStage(
            request.steps, steps_after=SECOND_STEPS, cost_after=second, pixels_after=pixels,
            then=partial(_follow, row, pack),
        )  # fmt: skip
    return rows


def _follow(row: Row, pack: Pack, drawn: NDArray[np.float32]) -> Row:
    """The second stage of a picture whose first is ``drawn``, [h, w, 3] in 0..255."""
    assert isinstance(row.request, Staged)
    [second] = super_resolve.upscaled(row.job, _second_stage(row.request), pack, drawn)
    second.index, second.request = row.index, row.request
    second.stage = CascadeStage(
        SECOND_STEPS, steps_before=row.request.steps, cost_before=cost_done(row), pixels_before=pixels_done(row),
        drawn=drawn.round().astype(np.uint8),
    )  # fmt: skip
    return second


def _second_stage(request: Staged) -> SuperResolve:
    """As somebody would ask for it who had the first stage's picture."""
    return SuperResolve(
        pack=request.pack, image=ANY_IMAGE, width=request.width, height=request.height, sampler=SECOND_SAMPLER,
        steps=SECOND_STEPS, seed=super_resolve.another_seed(request.seed),
    )  # fmt: skip


def _check_second_stage(pack: Pack) -> None:
    if not pack.info.cascades:
        raise PackError(
            "The pack {pack} draws in one stage; switch the second one off or choose another pack.",
            pack=pack.info.title,
        )


def inputs_of(request: Request, pack: Pack) -> float:
    """About how many model inputs ``request`` takes, at the size that the pack draws best. Raises `StudioError` where
    the pack cannot do it at all."""
    if not isinstance(request, Staged) or not request.cascade:
        return _inputs_of_stage(request, pack)
    _check_second_stage(pack)
    second = _inputs_of_stage(_second_stage(request), pack)
    return _inputs_of_stage(request.base, pack) + request.count * second


def _inputs_of_stage(request: Request, pack: Pack) -> float:
    return request.count * request.steps * find_sampler(request.sampler).calls * find_task(request).cost(request, pack)
