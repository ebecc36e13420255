"""Where pictures are kept: ``<data>/pictures/ID.png``, each with its recipe inside.

If asked for, the frames of its trajectory (x0 at each step) lie beside it in ``ID.zip``. ``<data>/sources/DIGEST.png``
is what people brought to be worked on, which the recipes name.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL.Image

from studio.errors import LedgerError, MissingImage
from studio.gallery.containers import png_text
from studio.gallery.recipe import Recipe
from studio.images.pixels import Image, Mask, Pixels
from studio.requests.limits import DIGEST
from studio.requests.request import Request

LEAST_FREE = 64 * 2**20  # bytes of the disk beside what is kept


class Store:
    """Two folders. Names of pictures are random, so that nobody can guess one; sources are named by their digests."""

    def __init__(self, data: Path) -> None:
        self.folder, self._sources = (data / "pictures").absolute(), (data / "sources").absolute()
        self.thumbnails = (data / "thumbnails").absolute()  # small copies, which can be made again
        for folder in (self.folder, self._sources):
            folder.mkdir(parents=True, exist_ok=True)

    def drop_parts(self) -> None:
        """Drops what an ended process left half written; for the only one that writes here."""
        for folder in (self.folder, self._sources, self.thumbnails):
            for part in folder.glob("*.part"):
                part.unlink(missing_ok=True)

    def write(self, path: Path, save: Callable[[BinaryIO], object]) -> None:
        """What ``save`` writes, at ``path``, whole or not at all."""
        _write(path, save)

    def add(self, pixels: Pixels, recipe: Recipe) -> Path:
        """Writes a picture and returns its path once it is safe on the disk: a crash leaves all of it or nothing."""
        path = self.folder / f"{secrets.token_hex(16)}.png"
        write_picture(path, pixels, recipe)
        return path

    def put_back(self, id_: str, pixels: Pixels, recipe: Recipe) -> None:
        """Writes a picture whose file was lost under the name that it had."""
        write_picture(self.path(id_), pixels, recipe)

    def path(self, id_: str) -> Path:
        """Where the picture called ``id_`` lies, if it is there."""
        return self.folder / f"{id_}.png"

    def read(self, id_: str) -> bytes:
        """The file of a picture. Raises `MissingImage`."""
        try:
            return self.path(id_).read_bytes()
        except OSError:
            raise MissingImage("There is no such picture (any more).") from None

    def size(self, id_: str) -> int:
        """Bytes of a picture's file; 0 where it is gone."""
        try:
            return self.path(id_).stat().st_size
        except OSError:
            return 0

    def read_source(self, digest: str) -> bytes:
        """The file of a source. Raises `MissingImage`."""
        try:
            return (self._sources / f"{digest}.png").read_bytes()
        except OSError:
            raise MissingImage("A picture that this one is made from is not in the data folder (any more).") from None

    def has_trajectory(self, id_: str) -> bool:
        return self.path(id_).with_suffix(".zip").is_file()

    def add_trajectory(self, picture: Path, jpegs: Sequence[bytes]) -> None:
        """Writes the frames of how the picture at that path came about beside it."""

        def save(file: BinaryIO) -> None:
            with zipfile.ZipFile(file, "w") as frames:  # JPEGs are packed already
                for number, jpeg in enumerate(jpegs):
                    frames.writestr(f"{number:04d}.jpg", jpeg)

        _write(picture.with_suffix(".zip"), save)

    def trajectory(self, name: str) -> list[bytes]:
        """The frames of how the picture in the file ``name`` came about, JPEGs. Raises `MissingImage`."""
        try:
            with zipfile.ZipFile((self.folder / name).with_suffix(".zip")) as frames:
                return [frames.read(each) for each in sorted(frames.namelist())]
        except (OSError, zipfile.BadZipFile):
            raise MissingImage("There is no trajectory of this picture (any more).") from None

    def keep(self, image: Image) -> str:
        """Writes a source, once, and returns its digest. Raises `LedgerError` where it cannot be written."""
        path = self._sources / f"{image.digest}.png"
        if not path.exists():
            plain = PIL.Image.fromarray(image.array)
            self.check_room(image.width * image.height * 4)
            try:
                _write(path, lambda file: plain.save(file, "PNG", compress_level=1))
            except OSError as error:
                raise LedgerError(
                    "The data folder cannot be written to ({reason}).", reason=str(error.strerror)
                ) from None
        return image.digest

    def check_room(self, needed: int = 0) -> None:
        """Raises `LedgerError` where the disk is nearly full, before anything is begun that needs so many bytes."""
        try:
            free = shutil.disk_usage(self.folder.parent).free
        except OSError as error:
            raise LedgerError("The data folder cannot be written to ({reason}).", reason=str(error.strerror)) from None
        if free < LEAST_FREE + needed:
            raise LedgerError(
                "The disk of this studio is full: {megabytes} MB are left. Nothing was begun.", megabytes=free // 2**20
            )

    def source(self, digest: str) -> Image:
        """The source of that digest. Raises `MissingImage`."""
        path = self._sources / f"{digest}.png"
        if not DIGEST.fullmatch(digest) or not path.is_file():
            raise MissingImage("A picture that this one is made from is not in the data folder (any more).")
        with PIL.Image.open(path, formats=("PNG",)) as stored:
            array = np.asarray(stored)
        image: Image = Mask.of(array) if array.ndim == 2 else Pixels.of(array)
        if image.digest != digest:
            raise MissingImage("A picture that this one is made from is damaged on the disk.")
        return image

    def sources_of(self, request: Request) -> list[Image]:
        """Every image that ``request`` names. Raises `MissingImage`."""
        return [self.source(digest) for digest in request.named.values()]


def write_picture(path: Path, pixels: Pixels, recipe: Recipe) -> None:
    """Writes a PNG with its recipe inside; ``path`` never holds half a picture."""
    image = PIL.Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb)
    _write(path, lambda file: image.save(file, "PNG", pnginfo=png_text(recipe)))


def _write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Writes beside, flushes, then renames into place. A folder that somebody has deleted is made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
