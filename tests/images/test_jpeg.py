"""Previews without their tables are a third smaller, and the same pictures once the tables are back."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from studio.images.jpeg import encoded, preview_tables, split


def _read(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


@pytest.mark.parametrize("size", [(128, 128), (16, 384), (1, 1), (77, 130)])
def test_the_rest_behind_the_tables_is_the_picture(size: tuple[int, int]) -> None:
    jpeg = encoded(np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8))
    tables, rest = split(jpeg)
    assert tables == preview_tables(), "whatever the picture"
    assert np.array_equal(_read(tables + rest), _read(jpeg))
    assert len(tables) % 3 == 0
    written = base64.b64encode(tables).decode() + base64.b64encode(rest).decode()
    assert np.array_equal(_read(base64.b64decode(written)), _read(jpeg)), "in base64 one behind the other, too"


def test_tables_are_most_of_a_small_picture() -> None:
    jpeg = encoded(np.full((128, 128, 3), 100, np.uint8))
    assert len(split(jpeg)[1]) < len(jpeg) - 550


def test_another_quality_has_other_tables() -> None:
    picture = np.random.default_rng(2).integers(0, 255, (32, 32, 3), np.uint8)
    tables, rest = split(encoded(picture, quality=95, subsampling=0))
    assert tables != preview_tables()
    assert np.array_equal(_read(tables + rest), _read(encoded(picture, quality=95, subsampling=0)))


@pytest.mark.parametrize(
    "odd", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda", b"\xff\xd8\x00\x00\x00\x00", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_jpeg_is_refused(odd: bytes) -> None:
    with pytest.raises(ValueError, match="no JPEG"):
        split(odd)
