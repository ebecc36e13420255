"""What files say of their colours is found as browsers find it, and taken away whole, whatever state it is in."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from studio.images.opening import is_animated, open_picture
from studio.images.stated import without_colours
from tests.images.icc import ADOBE, P3, chunk, iccp, jpeg, plain, png, saved

RED, P3_RED = (200, 60, 60), (217, 42, 52)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
SRGB, LINEAR, COMMON = chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000)), struct.pack(">I", 45_455)
P3_WHITES = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


def _cicp(primaries: int, curve: int, matrix: int = 0, full: int = 1) -> bytes:
    return chunk(b"cICP", bytes((primaries, curve, matrix, full)))


# What Chromium shows of each, too (tests/browser/test_colours.py).
STATEMENTS: dict[str, tuple[tuple[bytes, ...], tuple[int, int, int]]] = {
    "nothing": ((), RED),
    "sRGB": ((SRGB,), RED),
    "gamma": ((LINEAR,), (229, 133, 133)),
    "the common gamma, which means sRGB": ((chunk(b"gAMA", COMMON),), RED),
    "the common gamma with primaries": ((chunk(b"gAMA", COMMON), P3_WHITES), (219, 37, 49)),
    "primaries alone": ((P3_WHITES,), RED),
    "sRGB before gamma": ((SRGB, LINEAR), RED),
    "a profile before sRGB": ((SRGB, iccp(P3)), P3_RED),
    "the first profile of two": ((iccp(P3), iccp(ADOBE)), P3_RED),
    "code points before a profile": ((iccp(ADOBE), _cicp(12, 13)), P3_RED),
    "code points of sRGB before a profile": ((iccp(ADOBE), _cicp(1, 13)), RED),
    "code points of television": ((_cicp(9, 14),), (244, 0, 40)),
    "unknown code points": ((_cicp(77, 13), iccp(P3)), P3_RED),
    "a damaged profile before gamma": ((chunk(b"iCCP", b"name\0\0damaged"), LINEAR), (229, 133, 133)),
    "a wrong checksum": ((iccp(P3)[:-4] + b"\0\0\0\0",), RED),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_that_counts_is_the_one_of_the_specification(name: str) -> None:
    chunks, seen = STATEMENTS[name]
    assert np.abs(open_picture(png(plain(RED), *chunks)).array[0, 0].astype(int) - seen).max() <= 1


BROKEN = {
    "no gamma": chunk(b"gAMA", b""), "short gamma": chunk(b"gAMA", b"\0"), "no light": chunk(b"gAMA", bytes(4)),
    "absurd gamma": chunk(b"gAMA", b"\0\0\0\1"), "endless gamma": chunk(b"gAMA", b"\xff" * 4),
    "short primaries": chunk(b"cHRM", b"\0\0\0"), "empty sRGB": chunk(b"sRGB", b""), "empty profile": chunk(b"iCCP", b""),
    "no name's end": chunk(b"iCCP", b"name"), "unknown packing": chunk(b"iCCP", b"name\0\1xyz"),
    "cut profile": chunk(b"iCCP", b"name\0\0" + zlib.compress(P3)[:-40]), "short code points": chunk(b"cICP", b"\1"),
    "too large to be a profile": iccp(bytes(40 * 2**20)), "no space": LINEAR + chunk(b"cHRM", bytes(32)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_statement_that_makes_no_sense_says_nothing(name: str) -> None:
    file = png(NOISE, BROKEN[name])
    assert np.array_equal(open_picture(file).array, np.asarray(NOISE))
    assert not is_animated(file)


@pytest.mark.parametrize("said", [b"", b"\1", b"\1\1", b"\2\1" + b"profile", b"\1\1profile"])
def test_a_jpegs_profile_that_makes_no_sense_says_nothing(said: bytes) -> None:
    file, content = jpeg(NOISE, None), b"ICC_PROFILE\0" + said
    segment = b"\xff\xe2" + struct.pack(">H", len(content) + 2) + content
    assert open_picture(file[:2] + segment + file[2:]) == open_picture(file)


def test_a_profile_in_several_parts_is_put_together_by_their_numbers() -> None:
    parts = [b"ICC_PROFILE\0" + bytes((number, 2)) + P3[at] for number, at in ((2, slice(500, None)), (1, slice(500)))]
    segments = b"".join(b"\xff\xe2" + struct.pack(">H", len(part) + 2) + part for part in parts)
    file = jpeg(plain(RED), None)
    assert np.abs(open_picture(file[:2] + segments + file[2:]).array[0, 0].astype(int) - P3_RED).max() <= 1


def test_all_else_stays_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "JPEG"):
        file = saved(NOISE, kind, exif=exif)
        assert without_colours(file) == (file, [])
        with Image.open(io.BytesIO(without_colours(saved(NOISE, kind, exif=exif, icc_profile=P3))[0])) as image:
            assert "icc_profile" not in image.info
            assert image.getexif()[0x0112] == 6
    for file in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe2\0\0",
        png(NOISE)[:40],
        jpeg(NOISE, P3)[:100],
    ):
        without_colours(file)
