"""The values of a request that nobody gave: a model's own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from studio.images.resizing import working_size
from studio.models.catalogue import PackInfo
from studio.requests import from_mapping
from studio.requests.limits import CASCADE_SCALE, RANDOM_SEEDS
from studio.requests.request import Request, Staged

STAGES = "stages"  # what endpoints and commands take in place of ``cascade``; 0 for the model's own number
OWN = (
    "pack",
    "width",
    "height",
    "seed",
    "steps",
    "guidance",
    "sampler",
    "schedule",
)  # fields that a model has values of


def completed(
    kind: type[Request], asked: Mapping[str, Any], pack: PackInfo, shape: tuple[int, int] | None = None
) -> Request:
    """The request of ``kind`` with the fields that somebody ``asked`` for, and `STAGES`; the rest of `OWN` is the
    model's, and the seed a new one. ``shape`` is the width and height of the picture that it is made from: its size
    where the request has that of a picture, else its proportions. Raises `InvalidRequest`.
    """
    values = {name: value for name, value in asked.items() if name != STAGES}
    cascade = False
    if issubclass(kind, Staged):
        cascade = pack.in_stages(asked.get(STAGES, 0), asked.get("width"), asked.get("height"))
        values["cascade"] = cascade
    own = {"pack": pack.name, "seed": random.randrange(RANDOM_SEEDS), **_sides(kind, values, pack, shape, cascade)}
    if "sampler" not in values:
        own |= {"sampler": pack.sampler, "schedule": pack.schedule}
    sampler = {**own, **values}["sampler"]
    own |= {"steps": pack.steps_with(sampler), "guidance": pack.guidance_with(sampler)}
    told = {"width", "height", *kind.asked()}
    own = {name: value for name, value in own.items() if name in told}
    return from_mapping({"task": kind.TASK, **own, **values})


def _sides(
    kind: type[Request], asked: Mapping[str, Any], pack: PackInfo, shape: tuple[int, int] | None, cascade: bool
) -> dict[str, int]:
    if kind.SIZED_BY:
        assert shape is not None
        own = shape
    else:
        own = (pack.size, pack.size) if shape is None else working_size(*shape, pack.size, pack.multiple)
    width, height = (side * CASCADE_SCALE if cascade else side for side in kind.sides(*own, asked))
    return {"width": width, "height": height}
