"""Where programs keep a recipe inside a picture's file: text chunks of a PNG, EXIF of a JPEG or WebP.

Our own lies in both ways: as "parameters", which others read (``parameters`` in a PNG, UserComment in EXIF), and as
JSON, which holds everything and wins when both are there (``latent-studio`` in a PNG, MakerNote in EXIF).
"""

from __future__ import annotations

import codecs
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
COMMENT_KEYS = (TEXT_KEY, "exif-comment", "exif-outer-comment")  # a PNG's text, and what EXIF may hold beside it
EXIF_IFD, USER_COMMENT, MAKER_NOTE = 0x8769, 0x9286, 0x927C
GRAPH_TAGS = (0x0110, 0x010F, 0x010E)  # Model, Make, ImageDescription: ComfyUI's "prompt:...", "workflow:..."
OURS = f"{JSON_KEY}\0".encode()  # before our JSON in a MakerNote
UNICODE = b"UNICODE\0"
CODES = (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0\0\0\0\0\0\0\0")  # EXIF 2.3, table 9; whatever they say, it is UTF-8
BYTE_ORDERS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
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
    """Every text in a PNG, JPEG or WebP, by its key; of EXIF, UserComment counts as ``parameters``, or as another of
    `COMMENT_KEYS` where there are such, and what ComfyUI writes as ``prompt`` and ``workflow``. Raises `NoRecipe` where
    it is no such file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as image:
                if max(image.size) > LARGEST_SIDE:
                    raise ValueError
                if image.format == "PNG":
                    image.load()  # text may follow the pixels
                texts = {str(key): str(text) for key, text in getattr(image, "text", {}).items()}
                _add_exif_texts(texts, image)
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise NoRecipe("{name} cannot be read as a picture ({kind}).", name=name, kind=type(error).__name__) from None
    kept = _shortest(texts)
    if texts and not kept:
        raise NoRecipe(
            "{name} carries a recipe of more than {most} characters, which is not read.", name=name, most=LONGEST_TEXTS
        )
    return kept


def _shortest(texts: dict[str, str]) -> dict[str, str]:
    """As many as are read, the shortest first, so that one that nobody can have meant does not hide the others."""
    kept, room = set(), LONGEST_TEXTS
    for key in sorted(texts, key=lambda key: len(texts[key])):
        room -= len(texts[key])
        if room >= 0:
            kept.add(key)
    return {key: text for key, text in texts.items() if key in kept}


def recipe_of(texts: dict[str, str], name: str = "This file") -> Recipe:
    """The recipe in what `texts_in` gives, our own or one of "parameters" that can be used as it is. Raises
    `NoRecipe`."""
    if JSON_KEY in texts:
        return from_json(texts[JSON_KEY])
    if TEXT_KEY in texts:
        return from_parameters(texts[TEXT_KEY])
    raise NoRecipe(
        "{name} carries no recipe; it was not made by a program that writes one, or lost it on the way.", name=name
    )


def read_recipe(path: Path) -> Recipe:
    """The recipe in the picture at ``path``. Raises `NoRecipe` if there is none."""
    try:
        with path.open("rb") as file:
            return recipe_of(texts_in(file, path.name), path.name)
    except OSError as error:
        raise NoRecipe(
            "{name} cannot be read as a picture ({kind}).", name=path.name, kind=type(error).__name__
        ) from None


def _add_exif_texts(texts: dict[str, str], image: Image.Image) -> None:
    """Nothing where it is damaged: cameras write such. Most programs write into the directory that is meant for it,
    Fooocus into the outer one."""
    try:
        exif = image.getexif()
        inner = exif.get_ifd(EXIF_IFD)
    except Exception as error:
        logger.info("EXIF that cannot be read is left aside: %s", type(error).__name__)
        return
    for directory in (inner, exif):
        comment, note = directory.get(USER_COMMENT), directory.get(MAKER_NOTE)
        if isinstance(note, bytes) and note.startswith(OURS):
            texts.setdefault(JSON_KEY, note.removeprefix(OURS).decode("utf-8", "replace"))
        elif note is not None:
            texts.setdefault(MAKER_KEY, _decoded(note))
        free = [key for key in COMMENT_KEYS if key not in texts]
        if comment is not None and free:
            texts[free[0]] = _decoded(comment)
    for tag in GRAPH_TAGS:
        key, _, text = _decoded(exif.get(tag, "")).partition(":")
        if key.lower() in ("prompt", "workflow") and text:
            texts.setdefault(key.lower(), text)


def _decoded(value: object) -> str:
    """A UserComment says in its first eight bytes how it is written. Many programs get that wrong: the order of the
    bytes, a mark of that order behind it, or UTF-8 in spite of it."""
    if not isinstance(value, bytes):
        return str(value).strip("\ufeff\0")
    is_wide = value.startswith(UNICODE)
    for code in (UNICODE, *CODES):
        if value.startswith(code):
            value = value.removeprefix(code)
            break
    for mark, encoding in BYTE_ORDERS:
        if value.startswith(mark):
            return value.removeprefix(mark).decode(encoding, "replace").rstrip("\0")
    if is_wide and (b"\0" in value.rstrip(b"\0") or not _is_utf8(value)):
        is_little = value[1::2].count(0) > value[0::2].count(0)
        return value.decode("utf-16-le" if is_little else "utf-16-be", "replace").rstrip("\0")
    return value.decode("utf-8", "replace").strip("\0")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
