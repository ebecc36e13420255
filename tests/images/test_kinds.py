"""Whoever brings something else is told what it is: phones call their photographs .heic, and programs call anything
.jpg."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from studio.errors import BadPicture
from studio.images.kinds import other_kind
from studio.images.opening import open_mask, open_picture
from studio.message import Message

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def _saved(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    NOISE.save(stream, kind, **options)
    return stream.getvalue()


def _brands(*names: bytes) -> bytes:
    major, *others = names
    size = 16 + 4 * len(others)
    return size.to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(others) + b"\0\0\1\0meta" + bytes(500)


def _archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
    return stream.getvalue()


KINDS = {
    "empty": b"", "HEIC": _brands(b"heic", b"mif1", b"heic"), "AVIF": _brands(b"avif", b"mif1", b"miaf"),
    "a QuickTime film": _brands(b"qt  "), "a film": _brands(b"isom", b"iso2", b"avc1"), "GIF": _saved("GIF"),
    "a camera's raw file (CR3)": _brands(b"crx ", b"isom"), "BMP": _saved("BMP"), "ICO": _saved("ICO"),
    "TIFF or a camera's raw file": _saved("TIFF"), "JPEG 2000": _saved("JPEG2000"), "PDF": _saved("PDF"),
    "PNM": _saved("PPM"), "DDS": _saved("DDS"), "PSD": b"8BPS\0\1" + bytes(100), "ZIP, or a document": _archive(),
    "SVG": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "HTML": b"<!DOCTYPE html><p>404",
    "text": "a shopping list: Käse, 面包\n".encode() * 500, "sound": b"RIFF\0\0\0\0WAVEfmt ",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_is_is_said_whatever_it_is_called(kind: str) -> None:
    assert str(other_kind(KINDS[kind])) == kind
    for open_ in (open_picture, open_mask):
        with pytest.raises(BadPicture, match="a PNG, JPEG or WebP file was expected") as refusal:
            open_(KINDS[kind])
        assert str(refusal.value).startswith(f"The file is {kind}; ")


def test_pictures_in_a_common_container_are_told_apart() -> None:
    assert other_kind(_brands(b"mif1", b"miaf", b"avif")) == "AVIF"
    assert other_kind(_brands(b"mif1", b"miaf", b"heic")) == "HEIC"
    assert other_kind("text\r\n".encode("utf-16")) == Message("text")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_is_taken_is_none_of_them(kind: str) -> None:
    assert other_kind(_saved(kind)) == ""


@pytest.mark.parametrize("file", [b"\0", bytes(range(256)) * 9, b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_what_nobody_knows_is_called_nothing(file: bytes) -> None:
    assert other_kind(file) == ""
    with pytest.raises(BadPicture, match="cannot be read as a picture"):
        open_picture(file)
