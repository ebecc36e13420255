"""Files as other programs write them: by the calls of the libraries that they use, not by the code that reads them."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.gallery.foreign import Reading, read_picture
from studio.models.catalogue import PackInfo
from studio.requests.text_to_image import TextToImage

STORYBOOK = PackInfo("storybook", "Storybook", "x", 128, guidance=4.0)
SD15 = PackInfo("sd15", "Stable Diffusion 1.5", "x", 512)
EXIF, COMMENT, NOTE, SOFTWARE, MODEL, MAKE = 0x8769, 0x9286, 0x927C, 0x0131, 0x0110, 0x010F


def png(**texts: str) -> bytes:
    info, stream = PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (64, 64)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def with_exif(kind: str, outer: dict[int, Any], inner: dict[int, Any] | None = None, **texts: str) -> bytes:
    """By Pillow: Fooocus and ComfyUI write into the outer directory, others into the one that is meant for it."""
    exif, info, stream = Image.Exif(), PngInfo(), io.BytesIO()
    exif.update(outer)
    if inner:
        exif.get_ifd(EXIF).update(inner)
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (64, 64)).save(stream, kind, exif=exif.tobytes(), **({"pnginfo": info} if kind == "PNG" else {}))
    return stream.getvalue()


def with_piexif(kind: str, comment: bytes) -> bytes:
    """As piexif lays it out, by which AUTOMATIC1111, Forge and SD.Next write: big-endian, an outer directory with
    nothing but the pointer to the inner one, where the comment is of kind "undefined"."""
    outer = struct.pack(">HHHLLL", 1, EXIF, 4, 1, 26, 0)
    inner = struct.pack(">HHHLLL", 1, COMMENT, 7, len(comment), 44, 0)
    exif, stream = b"Exif\0\0MM\0*\0\0\0\x08" + outer + inner + comment, io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, kind, exif=exif)
    return stream.getvalue()


def comfy(graph: dict[str, Any], **more: str) -> bytes:
    return png(prompt=json.dumps(graph), **more)


def read(file: bytes) -> tuple[Reading, TextToImage]:
    reading = read_picture(file, [STORYBOOK, SD15])
    assert isinstance(reading.request, TextToImage)
    return reading, reading.request
