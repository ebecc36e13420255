"""What JPEG and WebP have in common: a ZIP of pictures in another format, with their recipes in EXIF or without. And
PNGs written anew, without."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

import PIL.Image

from studio.gallery.containers import exif_of
from studio.gallery.exports import Names, Options, pixels_of, readable
from studio.gallery.pictures import Picture
from studio.gallery.store import Store


def write_as(kind: str, pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None:
    """``kind`` is Pillow's name of the format."""
    names = Names(options)
    with zipfile.ZipFile(file, "w") as archive:
        for picture, recipe in readable(pictures, store):
            stream = io.BytesIO()
            exif = {"exif": exif_of(recipe)} if options.recipes else {}
            image = PIL.Image.fromarray(pixels_of(picture, store).array)
            image.save(stream, kind, **({} if kind == "PNG" else {"quality": options.quality}), **exif)
            archive.writestr(names.new(picture, {"JPEG": "jpg"}.get(kind, kind.lower())), stream.getvalue())
