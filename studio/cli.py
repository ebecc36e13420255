"""The command line.

    python -m studio text-to-image "a red house by the sea" --seed 7 --count 4 --out pictures
    python -m studio layout-to-image --boxes layout.json
    python -m studio inpaint "a red house" --image photo.jpg --mask mask.png --only-masked
    python -m studio inpaint "the sea at night" --image photo.jpg --extend 100,0,100,0
    python -m studio super-resolve --image photo.jpg --scale 4 --samples 3
    python -m studio vary --image photo.jpg --strength 0.6 --count 4
    python -m studio interpolate one.png other.png --frames 8
    python -m studio interpolate --prompt "a house by day" --other-prompt "a house at night"
    python -m studio replay picture.png
    python -m studio samplers
    python -m studio packs

A request outside its limits ends with exit code 2 and one line; a job that fails, with exit code 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import PIL.Image

from studio.client import LocalClient
from studio.engine.batching import Limits
from studio.errors import BadPicture, InvalidRequest, PackError, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Started
from studio.gallery.recipe import Recipe, read_recipe
from studio.gallery.store import Store, write_picture
from studio.images import masks
from studio.images.boxes import read_boxes
from studio.images.film import animated, decoded, shown, strip, video
from studio.images.opening import open_mask, open_picture
from studio.images.pixels import Image, Mask, Pixels
from studio.images.resizing import resized, working_size
from studio.packs.catalogue import PACKS, PackInfo, find_pack
from studio.recorder import Films
from studio.requests import (
    FILLS,
    RANDOM_SEEDS,
    SCALES,
    Inpaint,
    Interpolate,
    LayoutToImage,
    Request,
    SuperResolve,
    TextToImage,
    Vary,
)
from studio.samplers.catalogue import DEFAULT_SAMPLER, SAMPLERS
from studio.settings import Settings, read_settings

SAME_SHAPE = 0.02  # how far a mask's aspect may be from the picture's, for rounding


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace, Settings], int] = given.command
    try:
        return command(given, read_settings(os.environ))
    except (InvalidRequest, BadPicture, PackError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except StudioError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{parser.prog}: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m studio", description="Latent Studio on the command line.")
    commands = parser.add_subparsers(required=True, metavar="command")
    draw = commands.add_parser("text-to-image", help="pictures from words")
    _add_drawing(draw)
    _add_size(draw)
    draw.set_defaults(command=_text_to_image)
    place = commands.add_parser("layout-to-image", help="pictures from boxes with phrases")
    _add_drawing(place, prompt_may_be_missing=True)
    place.add_argument(
        "--boxes", type=Path, required=True, help='JSON: [{"phrase": "a red house", "box": [x0, y0, x1, y1]}, ...]'
    )
    place.add_argument("--grounding", type=_number, default=1.0, help="share of the steps at which boxes steer, 0 to 1")
    _add_size(place)
    place.set_defaults(command=_layout_to_image)
    mend = commands.add_parser("inpaint", help="draw a part of a picture anew, or beyond its edges")
    _add_drawing(mend)
    mend.add_argument("--image", type=Path, required=True, help="PNG, JPEG or WebP")
    mend.add_argument("--mask", type=Path, help="light (or opaque) = draw anew; of the picture's shape")
    mend.add_argument("--invert", action="store_true", help="draw anew what the mask leaves out")
    mend.add_argument("--grow", type=int, default=0, help="pixels by which the mask grows, or shrinks if negative")
    mend.add_argument("--extend", type=_sides, help="LEFT,TOP,RIGHT,BOTTOM pixels of new canvas; no mask needed")
    mend.add_argument("--fill", default="noise", help=f"what to begin from under the mask: {', '.join(FILLS)}")
    mend.add_argument("--strength", type=_number, default=1.0, help="0.05 to 1, unless --fill is noise")
    mend.add_argument("--only-masked", action="store_true", help="work on the mask's surroundings only")
    mend.add_argument("--padding", type=_number, default=Inpaint.padding, help="pixels of surroundings, 0 to 2048")
    mend.add_argument("--feather", type=_number, default=Inpaint.feather, help="width of the seam in pixels, 0 to 256")
    mend.set_defaults(command=_inpaint)
    enlarge = commands.add_parser("super-resolve", help="a picture with more pixels, whose details are drawn")
    enlarge.add_argument("--image", type=Path, required=True, help="PNG, JPEG or WebP; at most a megapixel")
    enlarge.add_argument("--scale", type=_number, default=4, help=" or ".join(map(str, SCALES)))
    enlarge.add_argument("--loose", action="store_true", help="do not make it average down to the picture again")
    _add_sampling(enlarge, count="--samples")
    enlarge.set_defaults(command=_super_resolve)
    alike = commands.add_parser("vary", help="pictures like a picture")
    alike.add_argument("--image", type=Path, required=True, help="PNG, JPEG or WebP")
    alike.add_argument("--strength", type=_number, default=1.0, help="0.05: almost the same, to 1: from noise alone")
    _add_likeness(alike)
    _add_drawing(alike, prompt_may_be_missing=True)
    _add_size(alike)
    alike.set_defaults(command=_vary)
    way = commands.add_parser("interpolate", help="pictures on the way from one picture, or some words, to others")
    way.add_argument("ends", type=Path, nargs="*", metavar="picture", help="where the way begins and ends")
    way.add_argument("--prompt", default="", help="at the beginning, or all the way")
    way.add_argument("--other-prompt", default="", help="at the end")
    _add_likeness(way)
    _add_guidance(way)
    _add_sampling(way, count="--frames", usual=8)
    _add_size(way)
    way.set_defaults(command=_interpolate)
    again = commands.add_parser("replay", help="make a picture again from its own recipe, and compare")
    again.add_argument("picture", type=Path)
    again.add_argument("--pack", help="instead of the pack named in the recipe")
    again.add_argument("--out", type=Path, help="keep the new picture here")
    again.set_defaults(command=_replay)
    commands.add_parser("samplers", help="list the samplers").set_defaults(command=_samplers)
    commands.add_parser("packs", help="list the packs").set_defaults(command=_packs)
    return parser


def _add_size(command: argparse.ArgumentParser) -> None:
    command.add_argument("--width", type=_number, help="64 to 2048 in multiples of 8; the pack's own if not given")
    command.add_argument("--height", type=_number, help="likewise")


def _add_likeness(command: argparse.ArgumentParser) -> None:
    command.add_argument("--likeness", type=_number, default=1.0, help="how strongly pictures steer, 0 to 1")


def _add_drawing(command: argparse.ArgumentParser, *, prompt_may_be_missing: bool = False) -> None:
    """What every way of drawing from words takes."""
    if prompt_may_be_missing:
        command.add_argument("prompt", nargs="?", default="", help="of the whole; may be left out")
    else:
        command.add_argument("prompt")
    _add_guidance(command)
    _add_sampling(command)


def _add_guidance(command: argparse.ArgumentParser) -> None:
    command.add_argument("--negative", default="", help="what should not be in the picture")
    command.add_argument("--guidance", type=_number, help="1 to 30; the pack's own if not given")
    command.add_argument("--rescale", type=_number, default=0.0, help="guidance rescale, 0 to 1")


def _add_sampling(command: argparse.ArgumentParser, count: str = "--count", usual: int = 1) -> None:
    """What every way of drawing takes; ``count`` is what the number of pictures is called."""
    command.add_argument("--seed", type=_number, help="0 to 2^63-1; random if not given")
    command.add_argument("--steps", type=_number, help="1 to 150; the pack's own if not given")
    command.add_argument("--sampler", default=DEFAULT_SAMPLER, help="see: python -m studio samplers")
    command.add_argument("--eta", type=_number, default=0.0, help="noise of DDIM, 0 to 1")
    command.add_argument(count, dest="count", type=_number, default=usual, help="1 to 16 pictures")
    command.add_argument("--film", action="store_true", help="keep what each step was heading for, as 0.film.webp, ...")
    command.add_argument("--pack", help="name, diffusers folder or .safetensors file")
    command.add_argument(
        "--out", type=Path, default=Path(), help="folder for 0.png, 1.png, ...; or a .png for one picture"
    )


def _sides(text: str) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(side) for side in text.split(","))
    if min(left, top, right, bottom) < 0:
        raise ValueError
    return left, top, right, bottom


def _number(text: str) -> int | float | str:
    """An int or float where the text is one; anything else is left for the request to refuse by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _drawing(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The fields of a request that every way of drawing from words has."""
    return {
        "prompt": given.prompt,
        "negative": given.negative,
        "guidance": pack.guidance if given.guidance is None else given.guidance,
        "rescale": given.rescale,
        **_sampling(given, pack),
    }


def _sampling(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The fields of a request that every way of drawing has."""
    return {
        "pack": pack.name,
        "seed": random.randrange(RANDOM_SEEDS) if given.seed is None else given.seed,
        "steps": pack.steps if given.steps is None else given.steps,
        "sampler": given.sampler,
        "eta": given.eta,
        "count": given.count,
        "trajectory": given.film,
    }


def _size(given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    width, height = (pack.size if side is None else side for side in (given.width, given.height))
    return {"width": width, "height": height}


def _text_to_image(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    request = TextToImage(**_size(given, pack), **_drawing(given, pack))
    return _draw_and_write(request, (), given, settings)


def _layout_to_image(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    try:
        boxes = read_boxes(given.boxes.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest("boxes", str(given.boxes), "a file of JSON in UTF-8") from None
    request = LayoutToImage(boxes=boxes, grounding=given.grounding, **_size(given, pack), **_drawing(given, pack))
    return _draw_and_write(request, (), given, settings)


def _inpaint(given: argparse.Namespace, settings: Settings) -> int:
    picture, mask = _picture_and_mask(given)
    request = Inpaint(
        image=picture.digest,
        mask=mask.digest,
        width=picture.width,
        height=picture.height,
        fill=given.fill,
        strength=given.strength,
        only_masked=given.only_masked,
        padding=given.padding,
        feather=given.feather,
        **_drawing(given, find_pack(given.pack or settings.pack)),
    )
    return _draw_and_write(request, (picture, mask), given, settings)


def _super_resolve(given: argparse.Namespace, settings: Settings) -> int:
    picture, pack = open_picture(given.image.read_bytes()), find_pack(given.pack or settings.pack)
    scale = given.scale if given.scale in SCALES else 0  # which the request refuses by name
    request = SuperResolve(
        image=picture.digest,
        scale=given.scale,
        width=picture.width * scale,
        height=picture.height * scale,
        consistent=not given.loose,
        **_sampling(given, pack),
    )
    return _draw_and_write(request, (picture,), given, settings)


def _vary(given: argparse.Namespace, settings: Settings) -> int:
    picture, pack = open_picture(given.image.read_bytes()), find_pack(given.pack or settings.pack)
    request = Vary(
        image=picture.digest,
        strength=given.strength,
        likeness=given.likeness,
        **_size_like(picture, given, pack),
        **_drawing(given, pack),
    )
    return _draw_and_write(request, (picture,), given, settings)


def _interpolate(given: argparse.Namespace, settings: Settings) -> int:
    if len(given.ends) not in (0, 2):
        raise InvalidRequest("picture", len(given.ends), "two of them, or none and words at both ends")
    pictures = [open_picture(path.read_bytes()) for path in given.ends]
    pack = find_pack(given.pack or settings.pack)
    ends: dict[str, Any] = dict(zip(Interpolate.IMAGES, (picture.digest for picture in pictures), strict=False))
    request = Interpolate(
        **ends,
        other_prompt=given.other_prompt,
        likeness=given.likeness,
        **(_size_like(pictures[0], given, pack) if pictures else _size(given, pack)),
        **_drawing(given, pack),
    )
    code = _draw_and_write(request, pictures, given, settings)
    if request.count > 1:
        _write_way(given.out, request.count)
    return code


def _write_way(folder: Path, count: int) -> None:
    """What was drawn on a way, as a film and side by side."""
    frames = [shown(open_picture((folder / f"{index}.png").read_bytes()).array) for index in range(count)]
    (folder / "way.webp").write_bytes(animated(frames))
    (folder / "way.webm").write_bytes(video(frames))
    PIL.Image.fromarray(strip(frames)).save(folder / "way.png")


def _size_like(picture: Pixels, given: argparse.Namespace, pack: PackInfo) -> dict[str, Any]:
    """The shape of ``picture`` at about the size that the pack draws best, unless something else is asked for."""
    width, height = working_size(picture.width, picture.height, pack.size)
    return {"width": width if given.width is None else given.width,
            "height": height if given.height is None else given.height}  # fmt: skip


def _picture_and_mask(given: argparse.Namespace) -> tuple[Pixels, Mask]:
    """The picture, on a larger canvas if asked for, and what of it to draw anew."""
    source = open_picture(given.image.read_bytes())
    picture, painted = source.array, np.zeros((source.height, source.width), np.uint8)
    if given.mask:
        mask = open_mask(given.mask.read_bytes())
        if abs(mask.width / mask.height - source.width / source.height) > SAME_SHAPE:
            expected = f"a mask of the picture's shape, {source.width}x{source.height}"
            raise InvalidRequest("mask", f"{mask.width}x{mask.height}", expected)
        painted = Mask.of(resized(mask.array, source.width, source.height)).array
    elif not given.extend:
        raise InvalidRequest("mask", None, "--mask FILE, or --extend LEFT,TOP,RIGHT,BOTTOM")
    if given.invert:
        painted = 255 - painted
    painted = masks.grown(painted, given.grow)
    if given.extend:
        left, top, right, bottom = given.extend
        picture, new = masks.extended(picture, given.extend)
        painted = np.maximum(new, np.pad(painted, ((top, bottom), (left, right))))
    return Pixels.of(picture), Mask.of(painted)


def _draw_and_write(request: Request, images: Sequence[Image], given: argparse.Namespace, settings: Settings) -> int:
    """Draws, writes each picture where ``--out`` says, and prints one JSON line each. Keeps ``images``, so that the
    recipe can be replayed."""
    is_file = given.out.suffix.lower() == ".png"
    if is_file and request.count > 1:
        raise InvalidRequest("out", str(given.out), f"a folder, since {request.count} pictures are asked for")
    folder = given.out.parent if is_file else given.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest("out", str(given.out), f"a folder that can be written to ({error.strerror})") from None
    store = Store(settings.data)
    for image in images:
        store.keep(image)
    for drawn, frames in _draw(request, images, replace(settings, pack=given.pack or settings.pack)):
        path = given.out if is_file else given.out / f"{drawn.index}.png"
        assert drawn.pixels is not None
        write_picture(path, drawn.pixels, Recipe(drawn.request, drawn.model_hash))
        if frames:
            path.with_suffix(".film.webp").write_bytes(animated(decoded(frames)))
        line: dict[str, Any] = {"path": str(path), "seed": drawn.request.seed, "seconds": round(drawn.seconds, 2)}
        if drawn.similarity is not None:
            line["similarity"] = round(drawn.similarity, 3)
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 0


def _replay(given: argparse.Namespace, settings: Settings) -> int:
    recipe = read_recipe(given.picture)
    if recipe.stopped_at is not None:
        raise StudioError(
            f"This picture was stopped at step {recipe.stopped_at}; only whole pictures can be made again."
        )
    pack = given.pack or recipe.request.pack or settings.pack
    try:
        request = replace(recipe.request, pack=find_pack(pack).name, trajectory=False)
    except PackError as error:
        raise PackError(f"{error} Say where it is with --pack.") from None
    images = Store(settings.data).sources_of(request) if request.named else ()
    ((drawn, _),) = _draw(request, images, replace(settings, pack=pack))
    assert drawn.pixels is not None
    with PIL.Image.open(given.picture) as image:
        before = np.asarray(image.convert("RGB"), np.int16)
    after = np.frombuffer(drawn.pixels.rgb, np.uint8).reshape(drawn.pixels.height, drawn.pixels.width, 3)
    if before.shape != after.shape:
        raise StudioError(
            f"The picture is {before.shape[1]}x{before.shape[0]}, its recipe makes {request.width}x{request.height}."
        )
    if given.out:
        write_picture(given.out, drawn.pixels, Recipe(request, drawn.model_hash))
    same_model = not recipe.model_hash or recipe.model_hash == drawn.model_hash
    difference = int(np.abs(before - after).max())
    print(json.dumps({"largest_difference": difference, "same_model": same_model, "seconds": round(drawn.seconds, 2)}))
    return 0


def _draw(request: Request, images: Sequence[Image], settings: Settings) -> Iterator[tuple[Drawn, list[bytes]]]:
    """Draws ``request`` in an engine process of its own: each picture, and the frames of its film if one was asked
    for. Raises the error that the job ends with, if any.

    The engine serves one job, so it does not spend seconds on finding the best size of a call.
    """
    films: dict[int, list[bytes]] = {}
    collected = Films()

    def record(event: Event) -> Event:
        if isinstance(event, Drawn):
            films[event.index] = collected.take(event)
        return collected.see(event)

    with LocalClient(replace(settings, batch=settings.batch or round(Limits.inputs)), record) as client:
        for event in itertools.chain.from_iterable(client.events(client.submit(request, images=images))):
            if isinstance(event, Started):
                _warn(event)
            elif isinstance(event, Drawn):
                yield event, films[event.index]
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Cancelled):
                raise StudioError("The job was cancelled.")


def _warn(started: Started) -> None:
    """Says what of the prompt will have no effect."""
    if started.is_prompt_cut:
        print("The prompt is longer than this pack reads; its end has no effect.", file=sys.stderr)
    if started.unknown_words:
        print(f"This pack has never met: {', '.join(started.unknown_words)}", file=sys.stderr)


def _samplers(given: argparse.Namespace, settings: Settings) -> int:
    for sampler in SAMPLERS.values():
        note = " (distilled models only)" if sampler.distilled else ""
        print(
            f"{sampler.name}\t{sampler.calls} model call{'s' * (sampler.calls > 1)} a step\t{sampler.description}{note}"
        )
    return 0


def _packs(given: argparse.Namespace, settings: Settings) -> int:
    for pack in PACKS.values():
        print(f"{pack.name}\t{pack.title}\t{pack.size} px\t{pack.source}")
    return 0
