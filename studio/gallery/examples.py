"""The examples that ship with the studio: pictures that Storybook made, each with its recipe inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from studio.gallery.containers import read_recipe
from studio.gallery.store import Store
from studio.images.pixels import Image, Pixels
from studio.requests.request import Request

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


@dataclass(frozen=True)
class Example:
    """``request`` makes ``picture`` out of ``sources``, the images that it names, in the order of their fields."""

    request: Request
    picture: Pixels
    sources: tuple[Image, ...]


def find_examples(task: str, folder: Path = EXAMPLES) -> list[Example]:
    """The examples of requests whose ``TASK`` is ``task``, in the order of their numbers.

    Raises `NoRecipe` or `MissingImage` where one is damaged.
    """
    store = Store(folder)
    return [_read(path, store) for path in sorted(store.folder.glob(f"{task}-?.png"))]


def _read(path: Path, store: Store) -> Example:
    request = read_recipe(path).request
    with PIL.Image.open(path, formats=("PNG",)) as stored:
        picture = Pixels.of(np.asarray(stored))
    return Example(request, picture, tuple(store.sources_of(request)))
