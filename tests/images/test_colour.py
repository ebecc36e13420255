"""Photographs come in the colours that were seen: Display P3 of phones, Adobe RGB of cameras, ink of print shops. Without
this they were paler, and paler again each time that they went around. Expected levels are of the formulas of each
space, and what Chromium shows (`tests/browser/test_colours.py`)."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from PIL import Image

from studio.images.colour import in_srgb, profile_of
from studio.images.opening import open_mask, open_picture
from studio.images.stated import D65, SRGB, SRGB_CURVE
from tests.images.icc import (
    ADOBE,
    DISPLAY_P3,
    P3,
    gamma,
    iccp,
    jpeg,
    of_grey,
    of_ink,
    of_screen,
    plain,
    png,
    profile,
    saved,
    srgb_curve,
    webp,
)
from tests.images.icc import SRGB as SRGB_COLUMNS

RED = (200, 60, 60)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def _seen(file: bytes) -> list[int]:
    return open_picture(file).array[0, 0].tolist()


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        (png(plain(RED), iccp(P3)), (217, 42, 52)),
        (jpeg(plain(RED), P3), (217, 42, 52)),
        (webp(plain(RED), P3), (217, 42, 52)),
        (png(plain(RED), iccp(of_screen(DISPLAY_P3, gamma(2.2)))), (219, 37, 49)),
        (png(plain(RED), iccp(ADOBE)), (231, 57, 57)),
        (png(plain(128, "L"), iccp(of_grey(1.0))), (188, 188, 188)),
        (jpeg(plain(128, "L"), of_grey(1.0)), (188, 188, 188)),
        (png(plain(128, "L"), iccp(of_screen(DISPLAY_P3, gamma(1.0)))), (188, 188, 188)),
        (jpeg(plain((0, 0, 0, 128), "CMYK"), of_ink()), (139, 139, 139)),
        (jpeg(plain((255, 255, 255, 0), "CMYK"), of_ink()), (255, 255, 255)),
        (png(plain(RED).quantize(4), iccp(P3)), (217, 42, 52)),
        (png(Image.fromarray(np.full((16, 16), 32896, np.uint16)), iccp(of_grey(1.0))), (188, 188, 188)),
    ],
    ids=[
        "PNG",
        "JPEG",
        "WebP",
        "gamma",
        "Adobe",
        "grey",
        "grey JPEG",
        "grey in RGB",
        "ink",
        "no black",
        "palette",
        "16",
    ],
)
def test_colours_are_those_that_the_profile_means(file: bytes, seen: tuple[int, ...]) -> None:
    assert np.abs(np.subtract(_seen(file), seen)).max() <= 1


def test_transparency_outlives_the_conversion() -> None:
    half = plain((*RED, 128), "RGBA")
    on_white = np.array((217, 42, 52)) * 128 / 255 + 127
    for file in (png(half, iccp(P3)), webp(half, P3)):
        assert np.abs(_seen(file) - on_white).max() <= 1
    grey = png(plain((128, 128), "LA"), iccp(of_grey(1.0)))
    assert np.abs(np.subtract(_seen(grey), 188 * 128 / 255 + 127)).max() <= 1


def test_a_turned_photograph_is_converted_and_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sides = Image.fromarray(np.repeat([[RED] * 20 + [(0, 0, 0)] * 20], 24, 0).astype(np.uint8))
    opened = open_picture(saved(sides, "JPEG", quality=100, subsampling=0, icc_profile=P3, exif=exif))
    assert (opened.width, opened.height) == (24, 40)
    assert np.abs(opened.array[2, 2].astype(int) - (217, 42, 52)).max() <= 2
    assert opened.array[-1].max() <= 2


@pytest.mark.parametrize("content", [of_screen(SRGB_COLUMNS, srgb_curve()), profile_of(SRGB, SRGB_CURVE)])
def test_a_picture_that_is_in_srgb_stays_byte_for_byte(content: bytes) -> None:
    """Most pictures say that they are; they must not change by rounding each time that they go around."""
    assert in_srgb(NOISE, [content]) is NOISE
    assert np.array_equal(open_picture(png(NOISE, iccp(content))).array, np.asarray(NOISE))


def test_what_was_converted_is_known_again_when_it_comes_back() -> None:
    """A recipe names its pictures by their pixels, so these must not be converted twice."""
    once = open_picture(png(NOISE, iccp(P3)))
    assert once.array.tobytes() != np.asarray(NOISE).tobytes()
    assert open_picture(saved(Image.fromarray(once.array))).digest == once.digest


DAMAGED = {
    "empty": b"", "text": b"no profile", "cut": P3[:300], "header alone": P3[:128] + bytes(4),
    "no signature": P3.replace(b"acsp", b"psca"), "lies about its size": struct.pack(">I", 10) + P3[4:],
    "no curves": P3.replace(b"TRC", b"XXX"), "endless table": P3[:128] + b"\xff" * 4 + P3[132:],
    "curve beyond its end": P3.replace(b"curv\0\0\0\0\0\0\x04\0", b"curv\0\0\0\0\xff\xff\xff\xff"),
    "one colour for all": of_screen(((0.0, 0.0, 0.0),) * 3, gamma(1.0)),
}  # fmt: skip
STRANGE = {
    "ink": of_ink(), "grey": of_grey(1.0), "Lab": P3[:16] + b"Lab " + P3[20:], "link": P3[:12] + b"link" + P3[16:],
    "abstract": P3[:12] + b"abst" + P3[16:], "named": P3[:12] + b"nmcl" + P3[16:],
}  # fmt: skip


@pytest.mark.parametrize("content", [*DAMAGED.values(), *STRANGE.values()], ids=[*DAMAGED, *STRANGE])
def test_a_profile_that_is_damaged_or_of_something_else_costs_nobody_the_picture(content: bytes) -> None:
    assert np.array_equal(open_picture(png(NOISE, iccp(content))).array, np.asarray(NOISE))
    assert np.array_equal(open_picture(webp(NOISE, content or b"\0")).array, np.asarray(NOISE))


@pytest.mark.parametrize("content", [P3, of_grey(1.0), of_ink()[:400]])
def test_ink_is_not_read_by_the_profile_of_a_screen(content: bytes) -> None:
    ink = NOISE.convert("CMYK")
    assert np.array_equal(open_picture(jpeg(ink, content)).array, open_picture(jpeg(ink, None)).array)


def test_a_profile_of_countless_elements_takes_no_time() -> None:
    """Of D2B0, LittleCMS goes through each element for each of 36,000 colours: these would take a minute."""
    element = b"matf\0\0\0\0" + struct.pack(">HH", 3, 3) + struct.pack(">12f", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    count = 20_000
    places = b"".join(struct.pack(">II", 16 + 8 * count + at * len(element), len(element)) for at in range(count))
    bomb = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, count) + places + element * count
    slow = profile({b"D2B0": bomb}, kind=b"prtr")
    begun = time.monotonic()
    assert _seen(jpeg(plain(RED), slow)) == _seen(jpeg(plain(RED), None))
    assert time.monotonic() - begun < 10


def test_a_space_is_written_down_as_a_profile() -> None:
    """Display P3 by its primaries, against the columns of the profile that ships."""
    content = profile_of((*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060), SRGB_CURVE)
    assert _seen(png(plain(RED), iccp(content))) == [217, 42, 52]
    for primaries in ([0.3] * 8, [0.0] * 8, [1e9, 1e-9] * 4):
        with pytest.raises(ValueError):  # noqa: PT011 - it has nothing to say
            profile_of(primaries, (2.2,))


def test_masks_are_measured_by_their_levels_and_not_by_what_those_mean() -> None:
    """128 is lighter than the middle and stays so, whatever a profile says."""
    for content in (of_grey(1.8), of_grey(2.6)):
        for level in (127, 128):
            mask = open_mask(png(plain(level, "L"), iccp(content)))
            assert (mask.array > 0).all() == (level == 128)
