"""The options of commands that draw, made from the fields of a kind of request, and the request that they become."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.errors import InvalidRequest
from studio.images.boxes import read_boxes
from studio.images.opening import open_mask, open_picture
from studio.images.pixels import Image
from studio.images.resizing import mask_of_size
from studio.models.catalogue import PackInfo
from studio.models.first_values import OWN, STAGES, completed
from studio.requests.fields import Boxes, Choice, Field, Flag, MaskOf, Number, Picture, Whole, first_value
from studio.requests.request import Request, Staged

IF_NOT_GIVEN = {
    "seed": "a new one",
    "sampler": "the pack's own (see: python -m studio samplers)",
    "schedule": "the sampler's own",
    "pack": "STUDIO_PACK; a name, a diffusers folder or a .safetensors file",
}
THE_PACKS = "the pack's own"
STAGES_HELP = (
    "2: a small picture first, then that anew with four times its sides (multiples of 32); 1: one alone; if not given, "
    "the pack's own number, and 1 with a width or height"
)


def add_fields(
    command: argparse.ArgumentParser, kind: type[Request], *, without: Sequence[str] = (), is_prompt_first: bool = True
) -> None:
    """An option for each field of ``kind``, ``without`` some; the prompt is no option where it ``is_prompt_first``."""
    for name, field in kind.asked().items():
        if name in (*without, "cascade"):
            continue
        if name == "prompt" and is_prompt_first:
            may_be_missing: dict[str, Any] = {"nargs": "?", "default": ""}
            is_needed = first_value(kind, name) is dataclasses.MISSING
            command.add_argument(name, help=field.described, **({} if is_needed else may_be_missing))
        else:
            option = field.option or f"--{name.replace('_', '-')}"
            command.add_argument(option, dest=name, help=_help(name, field), **_parsed(kind, name, field))
    if issubclass(kind, Staged):
        command.add_argument("--stages", type=number, default=0, help=STAGES_HELP)
    command.add_argument(
        "--out", type=Path, default=Path(), help="folder for 0.png, 1.png, ...; or a .png for one picture"
    )


def _help(name: str, field: Field) -> str:
    if name not in OWN:
        return field.described
    return f"{field.described}; if not given, {IF_NOT_GIVEN.get(name, THE_PACKS)}"


def _parsed(kind: type[Request], name: str, field: Field) -> dict[str, Any]:
    """How argparse reads the option of a field."""
    first = first_value(kind, name)
    if isinstance(field, Flag):
        return {"action": "store_false" if first else "store_true"}
    if isinstance(field, (Picture, Boxes)):
        return {"type": Path, "required": first is dataclasses.MISSING}
    is_number = isinstance(field, (Whole, Number)) or type(field) is Field
    is_number = is_number or (isinstance(field, Choice) and not isinstance(field.values[0], str))
    return {"type": number if is_number else None, "default": None if name in OWN else first}


def number(text: str) -> int | float | str:
    """An int or float where the text is one; anything else is left for the request to refuse by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def images_in(arguments: argparse.Namespace, kind: type[Request]) -> dict[str, Image]:
    """The images that were given for fields of ``kind``, opened."""
    found: dict[str, Image] = {}
    for name, field in kind.asked().items():
        if not isinstance(field, Picture) or (path := getattr(arguments, name)) is None:
            continue
        if isinstance(field, MaskOf):
            picture = found[field.picture]
            found[name] = mask_of_size(open_mask(path.read_bytes()), picture.width, picture.height)
        else:
            found[name] = open_picture(path.read_bytes())
    return found


def request_of(
    kind: type[Request], arguments: argparse.Namespace, pack: PackInfo, images: Mapping[str, Image]
) -> Request:
    """The request that was given, made from ``images``, by their fields, in the shape of the first one."""
    asked: dict[str, Any] = {}
    for name, field in kind.asked().items():
        if isinstance(field, Picture) or name in ("pack", "cascade") or (value := getattr(arguments, name)) is None:
            continue
        asked[name] = _boxes_in(value) if isinstance(field, Boxes) else value
    if issubclass(kind, Staged):
        asked[STAGES] = arguments.stages
    shape = next(((image.width, image.height) for image in images.values()), None)
    digests = {name: image.digest for name, image in images.items()}
    return completed(kind, {**asked, **digests}, pack, shape)


def _boxes_in(file: Path) -> Any:
    try:
        return read_boxes(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest("boxes", str(file), "a file of JSON in UTF-8") from None
