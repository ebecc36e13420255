"""Pictures on their way out: one file a form, found by its being here.

A form offers ``write(pictures, store, file, options)``, which goes through the pictures once and holds one at a time,
``ENDING`` of the file that it makes, and ``MEDIA_TYPE``. What is gone, or cannot be read any more, is left out.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import BinaryIO, Protocol, cast

import numpy as np
import PIL.Image

from studio.errors import InvalidRequest, NoRecipe
from studio.gallery.containers import read_recipe
from studio.gallery.pictures import Picture
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.requests.limits import check_flag, check_integer

LONGEST_NAME = 60  # characters of a prompt, in a file's name


@dataclass(frozen=True)
class Options:
    """``quality`` 1..100 is of JPEG and WebP; ``recipes`` is whether pictures keep theirs."""

    quality: int = 90
    recipes: bool = True

    def __post_init__(self) -> None:
        check_integer("quality", self.quality, 1, 100)
        check_flag("recipes", self.recipes)


class Form(Protocol):
    ENDING: str
    MEDIA_TYPE: str

    def write(self, pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None: ...


@cache
def forms() -> Mapping[str, Form]:
    """Every form by its name."""
    names = [file.name for file in pkgutil.iter_modules(__path__)]
    return MappingProxyType({name: cast(Form, importlib.import_module(f"{__name__}.{name}")) for name in names})


def find_form(name: object) -> Form:
    """Raises `InvalidRequest`."""
    if not isinstance(name, str) or name not in forms():
        raise InvalidRequest("form", name, "one of: {names}", names=", ".join(forms()))
    return forms()[name]


def readable(pictures: Iterable[Picture], store: Store) -> Iterator[tuple[Picture, Recipe]]:
    """Those that are there, each with its recipe."""
    for picture in pictures:
        try:
            recipe = read_recipe(store.path(picture.id))
        except NoRecipe:
            continue
        yield picture, recipe


def pixels_of(picture: Picture, store: Store) -> Pixels:
    with PIL.Image.open(store.path(picture.id), formats=("PNG",)) as stored:
        return Pixels.of(np.asarray(stored.convert("RGB")))


class Names:
    """Names that say what is in a file and are good on every system: when it was made, the prompt, the seed. Without
    recipes, names that say nothing."""

    def __init__(self, options: Options) -> None:
        self._says, self._taken = options.recipes, set[str]()

    def new(self, picture: Picture, ending: str) -> str:
        if not self._says:
            self._taken.add(str(len(self._taken)))
            return f"picture-{len(self._taken):04d}.{ending}"
        words = re.sub(r"[^\w-]+", " ", picture.request.caption)[:LONGEST_NAME].strip().replace(" ", "-")
        made = time.strftime("%Y%m%d-%H%M%S", time.localtime(picture.made))
        begin = "-".join(part for part in (made, words, str(picture.seed)) if part)
        name, number = f"{begin}.{ending}", 2
        while name.casefold() in self._taken:
            name, number = f"{begin}-{number}.{ending}", number + 1
        self._taken.add(name.casefold())
        return name
