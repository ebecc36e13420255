"""Where programs keep a recipe inside a picture's file: text chunks of a PNG, EXIF of a JPEG or WebP.

Our own lies in both ways: as "parameters", which others read (``parameters`` in a PNG, UserComment in EXIF), and as
JSON, which holds everything and wins when both are there (``latent-studio`` in a PNG, MakerNote in EXIF).
"""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import NoRecipe
from studio.gallery.parameters import from_parameters, to_parameters
from studio.gallery.recipe import Recipe, from_json, to_json
from studio.images.opening import FORMATS, LARGEST_SIDE

logger = logging.getLogger(__name__)

JSON_KEY, TEXT_KEY, MAKER_KEY = "latent-studio", "parameters", "exif-maker"
EXIF_IFD, USER_COMMENT, MAKER_NOTE = 0x8769, 0x9286, 0x927C
MAKE, MODEL = 0x010F, 0x0110  # where ComfyUI writes "workflow:..." and "prompt:..."
OURS = f"{JSON_KEY}\0".encode()  # before our JSON in a MakerNote
UNICODE, ASCII = b"UNICODE\0", b"ASCII\0\0\0"
LARGEST_EXIF = 65_000  # bytes: a segment of a JPEG, a little less
LONGEST_TEXTS = 3_000_000  # characters, all texts of a picture together


def png_text(recipe: Recipe) -> PngInfo:
    """Both forms, for ``Image.save(..., pnginfo=...)``."""
    info = PngInfo()
    info.add_itxt(JSON_KEY, to_json(recipe))
    info.add_itxt(TEXT_KEY, to_parameters(recipe))
    return info


def exif_of(recipe: Recipe) -> bytes:
    """Both forms, for ``Image.save(..., exif=...)`` of a JPEG or WebP; the JSON alone, or nothing at all, where there
    is no room for more."""
    comment = UNICODE + to_parameters(recipe).encode("utf-16-be", "replace")
    note = OURS + to_json(recipe).encode()
    for tags in ({USER_COMMENT: comment, MAKER_NOTE: note}, {MAKER_NOTE: note}, {USER_COMMENT: comment}):
        exif = Image.Exif()
        exif.get_ifd(EXIF_IFD).update(tags)
        if len(written := exif.tobytes()) <= LARGEST_EXIF:
            return written
    return b""


def texts_in(file: bytes | BinaryIO, name: str = "This file") -> dict[str, str]:
    """Every text in a PNG, JPEG or WebP, by its key; of EXIF, UserComment counts as ``parameters`` and what ComfyUI
    writes as ``prompt`` and ``workflow``. Raises `NoRecipe` where it is no such file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as image:
                if max(image.size) > LARGEST_SIDE:
                    raise ValueError
                if image.format == "PNG":
                    image.load()  # text may follow the pixels
                texts = {str(key): str(text) for key, text in getattr(image, "text", {}).items()}
                texts |= _exif_texts(image)
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise NoRecipe(f"{name} cannot be read as a picture ({type(error).__name__}).") from None
    if sum(len(text) for text in texts.values()) > LONGEST_TEXTS:
        raise NoRecipe(f"{name} carries a recipe of more than {LONGEST_TEXTS} characters, which is not read.")
    return texts


def recipe_of(texts: dict[str, str], name: str = "This file") -> Recipe:
    """The recipe in what `texts_in` gives, our own or one of "parameters" that can be used as it is. Raises
    `NoRecipe`."""
    if JSON_KEY in texts:
        return from_json(texts[JSON_KEY])
    if TEXT_KEY in texts:
        return from_parameters(texts[TEXT_KEY])
    raise NoRecipe(f"{name} carries no recipe; it was not made by a program that writes one, or lost it on the way.")


def read_recipe(path: Path) -> Recipe:
    """The recipe in the picture at ``path``. Raises `NoRecipe` if there is none."""
    try:
        with path.open("rb") as file:
            return recipe_of(texts_in(file, path.name), path.name)
    except OSError as error:
        raise NoRecipe(f"{path.name} cannot be read as a picture ({type(error).__name__}).") from None


def _exif_texts(image: Image.Image) -> dict[str, str]:
    """Nothing where it is damaged: cameras write such."""
    try:
        exif = image.getexif()
        inner = exif.get_ifd(EXIF_IFD)
    except Exception as error:
        logger.info("EXIF that cannot be read is left aside: %s", type(error).__name__)
        return {}
    found: dict[str, str] = {}
    comment, note = inner.get(USER_COMMENT), inner.get(MAKER_NOTE)
    if isinstance(note, bytes) and note.startswith(OURS):
        found[JSON_KEY] = note.removeprefix(OURS).decode("utf-8", "replace")
    elif note is not None:
        found[MAKER_KEY] = _decoded(note)
    if comment is not None:
        found[TEXT_KEY] = _decoded(comment)
    for tag in (MAKE, MODEL):
        key, _, text = _decoded(exif.get(tag, "")).partition(":")
        if key in ("prompt", "workflow") and text:
            found[key] = text
    return found


def _decoded(value: object) -> str:
    """A UserComment says in its first eight bytes how it is written; many programs get the order of bytes wrong."""
    if not isinstance(value, bytes):
        return str(value)
    if value.startswith(UNICODE):
        text = value.removeprefix(UNICODE)
        is_little = text[1::2].count(0) > text[0::2].count(0)
        return text.decode("utf-16-le" if is_little else "utf-16-be", "replace").rstrip("\0")
    return value.removeprefix(ASCII).decode("utf-8", "replace").strip("\0")
