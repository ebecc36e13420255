"""Draws the examples that ship with the studio, with the shipped pack.

    python -m storybook.examples

Their seeds were chosen by eye; everything else is as a person finds it on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from storybook import dataset
from storybook.degradation import degraded
from storybook.drawing import draw
from storybook.world import render, scene
from studio.gallery.examples import EXAMPLES
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store, write_picture
from studio.images.boxes import Boxed
from studio.images.pixels import Image, Mask, Pixels
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.forward_process import ForwardProcess
from studio.requests.inpaint import Inpaint
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from studio.requests.text_to_image import TextToImage
from studio.requests.vary import Vary

TEXTS = (
    ("a red house by the sea at night", 2),
    ("two hot-air balloons over a village at dawn", 2),
    ("a rainbow above a white lighthouse", 7),
    ("three yellow ducks by the sea", 6),
    ("夜里沙漠中的紫色城堡", 4),
    ("zwei rote Zelte im Wald bei Nebel", 3),
)
WORDLESS_SEED = 9
PANORAMA = ("sailing boats on the sea at sunset", 1)
LAYOUTS = (
    (
        "on a meadow at sunset",
        (Boxed("a white windmill", (0.08, 0.30, 0.48, 0.90)), Boxed("a red house", (0.58, 0.48, 0.94, 0.88))),
        2,
    ),
    (
        "by the sea on a clear day",
        (Boxed("a rainbow", (0.08, 0.06, 0.92, 0.46)), Boxed("a blue sailing boat", (0.50, 0.46, 0.90, 0.90))),
        8,
    ),
    (
        "im Schnee bei Nacht",
        (Boxed("ein brauner Hund", (0.08, 0.52, 0.44, 0.92)), Boxed("ein Schneemann", (0.58, 0.36, 0.90, 0.92))),
        4,
    ),
)  # fmt: skip
# what is there before, its seed, what is painted over (an ellipse in a box), what should be there instead, its seed
REPAINTED = (
    ("a white house on a meadow at dawn", 5, (0.05, 0.25, 0.95, 0.99), "a purple castle", 9),
    ("snow with mountains in the background at night", 6, (0.30, 0.35, 0.80, 0.95), "a red car", 8),
    ("by the sea at sunset", 6, (0.25, 0.30, 0.75, 0.90), "a blue sailing boat", 1),
)

ENLARGED = ((3, 1), (7, 2), (12, 3))  # a scene and a seed
# what is there before, its seed, likeness, strength, words, own seed
VARIED = (
    ("a red house by the sea at night", 2, 0.9, 1.0, "a red house", 3),
    ("a blue windmill in the snow at dawn", 4, 1.0, 0.55, "", 2),
    ("a purple castle in the desert at night", 2, 0.5, 1.0, "a purple castle in the snow", 3),
)
# what is there before, its seed, the time
NOISED = (
    ("a yellow hot-air balloon with mountains in the background", 3, 0.4),
    ("a white lighthouse by the sea at dawn", 3, 0.6),
    ("a green tree on a meadow by day", 6, 0.8),
)


def main() -> None:
    info = find_pack(STORYBOOK)
    pack = load_pack(info, torch.device("cpu"))
    store = Store(EXAMPLES)
    for old in EXAMPLES.glob("*/*.png"):
        old.unlink()
    for number, request, images in _numbered(pack):
        (drawn,) = draw(pack, [request], {image.digest: image for image in images})
        for image in images:
            store.keep(image)
        path = store.folder / f"{request.TASK}-{number}.png"
        write_picture(path, Pixels.of(drawn[1]), Recipe(request, pack.model_hash))
        print(f"{path.name}: {request.caption}")


def _numbered(pack: Pack) -> Iterator[tuple[int, Request, tuple[Image, ...]]]:
    """Each example with its number within its task and the images that it names."""
    for task in (_texts, _layouts, _repainted, _enlarged, _varied, _noised):
        for number, (request, images) in enumerate(task(pack), 1):
            yield number, request, images


def _texts(pack: Pack) -> Iterable[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    wordless = replace(_text(pack, "", WORDLESS_SEED), guidance=1.0, steps=25)
    panorama = replace(_text(pack, *PANORAMA), width=4 * info.size)
    return [(request, ()) for request in (*(_text(pack, *each) for each in TEXTS), wordless, panorama)]


def _text(pack: Pack, prompt: str, seed: int) -> TextToImage:
    info = pack.info
    return TextToImage(
        prompt=prompt, pack=info.name, width=info.size, height=info.size, seed=seed, steps=info.steps,
        guidance=info.guidance,
    )  # fmt: skip


def _layouts(pack: Pack) -> Iterator[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    for prompt, boxes, seed in LAYOUTS:
        request = LayoutToImage(
            prompt=prompt, pack=info.name, width=info.size, height=info.size, seed=seed, steps=info.steps,
            guidance=info.guidance, boxes=boxes,
        )  # fmt: skip
        yield request, ()


def _repainted(pack: Pack) -> Iterator[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    for before, seed, box, prompt, own_seed in REPAINTED:
        ((_, drawn),) = draw(pack, [_text(pack, before, seed)])
        picture, mask = Pixels.of(drawn), Mask.of(_ellipse(box, info.size))
        request = Inpaint(
            prompt=prompt, pack=info.name, image=picture.digest, mask=mask.digest, width=info.size, height=info.size,
            seed=own_seed, steps=info.steps, guidance=info.guidance,
        )  # fmt: skip
        yield request, (picture, mask)


def _enlarged(pack: Pack) -> Iterator[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    for number, seed in ENLARGED:
        picture = Pixels.of(
            degraded(render(scene(dataset.UNSEEN + number), 4 * info.size), np.random.default_rng(number))
        )
        request = SuperResolve(
            pack=info.name, image=picture.digest, width=picture.width * 4, height=picture.height * 4, seed=seed,
            steps=info.steps,
        )  # fmt: skip
        yield request, (picture,)


def _varied(pack: Pack) -> Iterator[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    for before, seed, likeness, strength, prompt, own_seed in VARIED:
        ((_, drawn),) = draw(pack, [_text(pack, before, seed)])
        picture = Pixels.of(drawn)
        request = Vary(
            prompt=prompt, pack=info.name, image=picture.digest, width=info.size, height=info.size, seed=own_seed,
            steps=info.steps, guidance=info.guidance, likeness=likeness, strength=strength,
        )  # fmt: skip
        yield request, (picture,)


def _noised(pack: Pack) -> Iterator[tuple[Request, tuple[Image, ...]]]:
    info = pack.info
    for before, seed, time in NOISED:
        ((_, drawn),) = draw(pack, [_text(pack, before, seed)])
        picture = Pixels.of(drawn)
        request = ForwardProcess(
            pack=info.name, image=picture.digest, width=2 * info.size, height=info.size, begin=time, end=time
        )
        yield request, (picture,)


def _ellipse(box: tuple[float, float, float, float], side: int) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = (edge * side for edge in box)
    mask = np.zeros((side, side), np.uint8)
    cv2.ellipse(mask, (((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0, y1 - y0), 0), 255, -1, cv2.LINE_AA)
    return mask


if __name__ == "__main__":
    main()
