"""Photographs as cameras and programs write them come in; what is no picture stays out, unread."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from studio.errors import BadPicture
from studio.images import opening
from studio.images.opening import is_animated, open_mask, open_picture
from studio.images.pixels import Mask, Pixels
from tests.images.icc import chunk

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def _file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_lossless_picture_comes_in_byte_for_byte(kind: str) -> None:
    opened = open_picture(_file(Image.fromarray(RGB), kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.array_equal(opened.array, RGB)
    assert opened == Pixels.of(RGB)


@pytest.mark.parametrize(
    ("orientation", "turned"), [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)]
)
def test_a_photograph_is_turned_as_its_camera_says(orientation: int, turned) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(open_picture(_file(Image.fromarray(RGB), exif=exif)).array, turned(RGB))


def test_transparency_shows_paper_and_other_modes_become_rgb() -> None:
    clear = np.dstack([RGB, np.zeros((40, 60), np.uint8)])
    assert (open_picture(_file(Image.fromarray(clear))).array == 255).all()
    grey = Image.fromarray(RGB[:, :, 0])
    assert np.array_equal(open_picture(_file(grey)).array[:, :, 1], RGB[:, :, 0])
    for mode in ("CMYK", "P", "1", "LA"):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        opened = open_picture(_file(Image.fromarray(RGB).convert("L" if mode == "LA" else mode).convert(mode), kind))
        assert (opened.width, opened.height) == (60, 40)


def test_sixteen_bits_are_brought_down_and_not_cut_off() -> None:
    levels = (np.arange(2400).reshape(40, 60) * 27).astype(np.uint16)
    opened = open_picture(_file(Image.fromarray(levels)))
    assert np.abs(opened.array[:, :, 0].astype(float) - levels / 257).max() <= 1


def _grey_png(depth: int, kind: int, levels: bytes, key: bytes) -> bytes:
    """16 x 16, each row ``levels``, of which ``key`` is transparent."""
    header = struct.pack(">IIBBBBB", 16, 16, depth, kind, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress((b"\0" + levels) * 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tRNS", key) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("depth", "kind", "levels", "key", "seen"),
    [
        (16, 0, struct.pack(">2H", 1000, 1001) * 8, b"\x03\xe8", (255, 4)),
        (8, 0, bytes((100, 101)) * 8, b"\0\x64", (255, 101)),
        (4, 0, b"\x5a" * 8, b"\0\5", (255, 170)),
        (2, 0, b"\x99" * 4, b"\0\2", (255, 85)),
        (1, 0, b"\x55" * 2, b"\0\0", (255, 255)),
        (1, 0, b"\xaa" * 2, b"\0\1", (255, 0)),
        (16, 2, struct.pack(">6H", *[0x1020] * 3, *[0x4000] * 3) * 8, b"\x10\x20" * 3, (255, 64)),
        (8, 2, bytes((1, 1, 1, 9, 9, 9)) * 8, b"\0\1" * 3, (255, 9)),
    ],
)
def test_a_transparent_level_shows_paper_at_every_depth(
    depth: int, kind: int, levels: bytes, key: bytes, seen: tuple[int, int]
) -> None:
    file = _grey_png(depth, kind, levels, key)
    assert open_picture(file).array[0, :2, 1].tolist() == list(seen)
    assert open_mask(file).array[0, 0] == 0, "what is transparent is not painted"


def test_a_photograph_of_two_views_is_its_first_and_does_not_move() -> None:
    """MPO, as phones and stereo cameras write it; what lies behind may be cut off, and is not looked at."""
    views = [Image.fromarray(RGB), Image.fromarray(RGB[:20, :30])]
    file = _file(views[0], "MPO", save_all=True, append_images=views[1:], quality=95)
    alone = open_picture(_file(views[0], "JPEG", quality=95))
    for each in (file, file[:-100]):
        assert open_picture(each) == alone
        assert not is_animated(each)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True, "subsampling": 0}])
def test_a_jpeg_that_lacks_its_end_is_whole_and_one_that_lacks_more_is_not(options: dict[str, object]) -> None:
    file = _file(Image.fromarray(RGB), "JPEG", quality=90, **options)
    for whole in (file[:-1], file[:-2], file[:-2] + bytes(500), file + b"what a camera writes behind"):
        assert open_picture(whole) == open_picture(file)
    for cut in (file[:-20], file[: len(file) // 2]):
        with pytest.raises(BadPicture, match="ends before its picture does"):
            open_picture(cut)


def test_a_photograph_of_twelve_megapixels_comes_in_at_its_own_size() -> None:
    photo = Image.fromarray(RGB).resize((4000, 3000))
    opened = open_picture(_file(photo, "JPEG", quality=90))
    assert (opened.width, opened.height) == (4000, 3000)


def test_masks_are_black_and_white_whatever_they_come_as() -> None:
    shades = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    mask = open_mask(_file(Image.fromarray(shades)))
    assert np.array_equal(mask.array, np.where(shades > 127, 255, 0))
    painted = np.zeros((40, 60, 4), np.uint8)
    painted[10:20, 10:20] = 255
    assert np.array_equal(open_mask(_file(Image.fromarray(painted))).array > 0, painted[:, :, 3] > 0)
    assert mask == Mask.of(shades)


def test_a_mask_is_what_is_light_and_opaque_in_any_colour() -> None:
    """By its luminance (ITU-R BT.601): yellow is light, red and blue are not."""
    colours = {(255, 255, 255, 255): True, (255, 255, 0, 255): True, (255, 0, 0, 255): False, (0, 0, 255, 255): False,
               (0, 0, 0, 255): False, (255, 255, 255, 0): False, (255, 255, 255, 100): False}  # fmt: skip
    for colour, is_painted in colours.items():
        for kind in ("PNG", "WEBP"):
            mask = open_mask(_file(Image.new("RGBA", (16, 16), colour), kind, lossless=True))
            assert (mask.array > 0).all() == is_painted, colour


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it is enormous."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 9999))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "file",
    [
        b"", b"\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"GIF89a" + b"\0" * 100,
        _file(Image.fromarray(RGB))[:200], _file(Image.fromarray(RGB), "JPEG")[:300], _file(Image.fromarray(RGB), "TIFF"),
        _file(Image.fromarray(RGB), "BMP"), _file(Image.fromarray(RGB[:4, :4])), _file(Image.new("L", (9000, 20))),
        _bomb(60_000, 60_000), _bomb(2**31 - 1, 2**31 - 1), _bomb(8192, 8192), _bomb(0, 10),
    ],
    ids=lambda file: f"{len(file)} {file[:8]!r}",
)  # fmt: skip
def test_what_is_no_picture_or_too_large_is_refused_at_once_with_a_reason(file: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(BadPicture, match=r"expected|taken"):
        open_picture(file)
    assert time.monotonic() - begun < 1, "nothing large was decoded"


def test_a_file_that_is_too_large_is_not_even_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGEST_FILE", 1000)
    with pytest.raises(BadPicture, match="at most 0 MB"):
        open_picture(_file(Image.fromarray(RGB)))


def test_images_are_named_by_what_they_hold() -> None:
    one, other = Pixels.of(RGB), Pixels.of(RGB.copy())
    assert one.digest == other.digest
    assert Pixels.of(RGB.reshape(60, 40, 3)).digest != one.digest
    assert Mask.of(RGB[:, :, 0]).digest != Mask.of(255 - RGB[:, :, 0]).digest
