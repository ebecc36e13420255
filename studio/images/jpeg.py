"""JPEGs of previews: the tables that all of them share are told once, and each is sent without.

A small JPEG is a third tables (quantisation and Huffman codes), which are the same for all of one quality. The standard
lets them come before the frame (ITU-T T.81, annex B.2), so that a file is put together by writing one behind the other.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PREVIEW_QUALITY = 50
START, SCAN, COMMENT = 0xD8, 0xDA, 0xFE  # markers of segments, behind 0xFF
TABLES = (0xDB, 0xC4, 0xE0)  # quantisation, Huffman, and JFIF's own, which is no table but the same in each file


def encoded(picture: NDArray[np.uint8], quality: int = PREVIEW_QUALITY, **options: int) -> bytes:
    """``picture``, uint8 [H, W, 3], as a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def split(jpeg: bytes) -> tuple[bytes, bytes]:
    """The tables and the rest; one behind the other, they are the same picture. The tables are a multiple of three
    bytes long, so that both can be written in base64 one behind the other, too. Raises `ValueError` for what is no
    JPEG."""
    tables, rest, at = [b"\xff\xd8"], list[bytes](), 2
    while True:
        if len(jpeg) < at + 4 or jpeg[at] != 0xFF:
            raise ValueError("This is no JPEG.")
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == SCAN:
            return _padded(b"".join(tables)), b"".join([*rest, jpeg[at:]])
        (tables if jpeg[at + 1] in TABLES else rest).append(jpeg[at:end])
        at = end


def _padded(tables: bytes) -> bytes:
    """With a comment of nothing, where the length needs it."""
    missing = -(len(tables) + 4) % 3
    return tables if len(tables) % 3 == 0 else tables + bytes((0xFF, COMMENT, 0, 2 + missing)) + bytes(missing)


@cache
def preview_tables() -> bytes:
    """Those of all previews."""
    return split(encoded(np.zeros((16, 16, 3), np.uint8)))[0]
