"""What several commands take, and the fields of a request that it becomes."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from studio.images.pixels import Pixels
from studio.images.resizing import working_size
from studio.models.catalogue import PackInfo
from studio.requests.limits import CASCADE_SCALE, RANDOM_SEEDS

SIDES = "64 to 2048 in multiples of 8, or 256 to 2048 in multiples of 32 with two stages; the pack's own if not given"


def add_size(command: argparse.ArgumentParser) -> None:
    command.add_argument("--width", type=number, help=SIDES)
    command.add_argument("--height", type=number, help="likewise")


def add_stages(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--stages", type=number, default=0,
        help="2: a small picture first, then that anew with four times its sides; 1: one alone; if not given, the "
        "pack's own number, and 1 with a width or height",
    )  # fmt: skip


def add_likeness(command: argparse.ArgumentParser) -> None:
    command.add_argument("--likeness", type=number, default=1.0, help="how strongly pictures steer, 0 to 1")


def add_drawing(command: argparse.ArgumentParser, *, prompt_may_be_missing: bool = False) -> None:
    """What every way of drawing from words takes."""
    if prompt_may_be_missing:
        command.add_argument("prompt", nargs="?", default="", help="of the whole; may be left out")
    else:
        command.add_argument("prompt")
    add_guidance(command)
    add_sampling(command)


def add_guidance(command: argparse.ArgumentParser) -> None:
    command.add_argument("--negative", default="", help="what should not be in the picture")
    command.add_argument("--guidance", type=number, help="1 to 30; the pack's own if not given")
    command.add_argument("--rescale", type=number, default=0.0, help="guidance rescale, 0 to 1")
    command.add_argument("--clip-skip", type=number, default=0, help="last layers of the text encoder to leave out")


def add_sampling(command: argparse.ArgumentParser, count: str = "--count", usual: int = 1) -> None:
    """What every way of drawing takes; ``count`` is what the number of pictures is called."""
    command.add_argument("--seed", type=number, help="0 to 2^63-1; random if not given")
    command.add_argument("--steps", type=number, help="1 to 150; the pack's own if not given")
    command.add_argument("--sampler", help="see: python -m studio samplers; the pack's own if not given")
    command.add_argument("--schedule", help="Uniform, Karras, Exponential, Beta or SGM Uniform; the sampler's own else")
    command.add_argument("--eta", type=number, default=0.0, help="noise of DDIM, 0 to 1")
    command.add_argument(count, dest="count", type=number, default=usual, help="1 to 16 pictures")
    command.add_argument("--film", action="store_true", help="keep what each step was heading for, as 0.film.webp, ...")
    command.add_argument("--pack", help="name, diffusers folder or .safetensors file")
    command.add_argument(
        "--out", type=Path, default=Path(), help="folder for 0.png, 1.png, ...; or a .png for one picture"
    )


def number(text: str) -> int | float | str:
    """An int or float where the text is one; anything else is left for the request to refuse by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def drawing(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The fields of a request that every way of drawing from words has."""
    return {
        "prompt": given.prompt,
        "negative": given.negative,
        "guidance": pack.guidance_with(_sampler(given, pack)) if given.guidance is None else given.guidance,
        "rescale": given.rescale,
        "clip_skip": given.clip_skip,
        **sampling(given, pack),
    }


def sampling(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The fields of a request that every way of drawing has."""
    return {
        "pack": pack.name,
        "seed": random.randrange(RANDOM_SEEDS) if given.seed is None else given.seed,
        "steps": pack.steps_with(_sampler(given, pack)) if given.steps is None else given.steps,
        "sampler": _sampler(given, pack),
        "schedule": _schedule(given, pack),
        "eta": given.eta,
        "count": given.count,
        "trajectory": given.film,
    }


def _sampler(given: argparse.Namespace, pack: PackInfo) -> str:
    return given.sampler or pack.sampler


def _schedule(given: argparse.Namespace, pack: PackInfo) -> str:
    if given.schedule is not None:
        return str(given.schedule)
    return "" if given.sampler else pack.schedule


def size(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    width, height = (pack.size if side is None else side for side in (given.width, given.height))
    return {"width": width, "height": height}


def staged_size(given: argparse.Namespace, pack: PackInfo, picture: Pixels | None = None) -> dict[str, Any]:
    """Likewise, where pictures may have two stages; in the shape of ``picture``, if there is one."""
    cascade = pack.in_stages(given.stages, given.width, given.height)
    own = (pack.size, pack.size) if picture is None else _working_size(picture, pack)
    width, height = (side * CASCADE_SCALE if cascade else side for side in own)
    return {
        "width": width if given.width is None else given.width,
        "height": height if given.height is None else given.height,
        "cascade": cascade,
    }


def size_like(picture: Pixels, given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The shape of ``picture`` at about the size that the pack draws best, unless something else is asked for."""
    width, height = _working_size(picture, pack)
    return {"width": width if given.width is None else given.width,
            "height": height if given.height is None else given.height}  # fmt: skip


def _working_size(picture: Pixels, pack: PackInfo) -> tuple[int, int]:
    return working_size(picture.width, picture.height, pack.size, pack.multiple)
