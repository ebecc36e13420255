"""Where finished pictures are kept: ``<data>/pictures/ID.png``, each with its recipe inside."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from PIL import Image

from studio.gallery.recipe import Recipe, png_text
from studio.images.pixels import Pixels

ABANDONED_AFTER_SECONDS = 3600.0


class Store:
    """A folder of pictures. Names are random, so that nobody can guess one."""

    def __init__(self, data: Path) -> None:
        self.folder = (data / "pictures").absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob("*.part"):
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER_SECONDS:  # another studio may be writing here now
                part.unlink(missing_ok=True)

    def add(self, pixels: Pixels, recipe: Recipe) -> Path:
        """Writes a picture and returns its path once it is safe on the disk: a crash leaves all of it or nothing."""
        path = self.folder / f"{secrets.token_hex(16)}.png"
        write_picture(path, pixels, recipe)
        return path


def write_picture(path: Path, pixels: Pixels, recipe: Recipe) -> None:
    """Writes beside, flushes, then renames into place, so that ``path`` never holds half a picture."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb)
            image.save(file, "PNG", pnginfo=png_text(recipe))
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
