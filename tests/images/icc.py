"""ICC profiles, and files that carry them, written down by the specification (ICC.1:2022) and with none of the studio's
own code."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

D50 = (0.9642, 1.0, 0.8249)
# Columns of Display P3 and Adobe RGB in XYZ at D50, as the profiles that ship with cameras and screens have them.
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ", kind: bytes = b"mntr", pcs: bytes = b"XYZ ") -> bytes:
    table, content, first = b"", b"", 132 + 12 * (len(tags) + 1)
    for name, data in {b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50), **tags}.items():
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", first + len(content), len(padded))
        content += padded
    head = struct.pack(">I4xI4s4s4s12x4s28x", first + len(content), 0x02400000, kind, space, pcs, b"acsp") + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 1) + table + content


def gamma(power: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(power * 256))


def srgb_curve() -> bytes:
    levels = np.linspace(0, 1, 1024)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (light * 65535).round().astype(">u2").tobytes()


def of_screen(columns: tuple[tuple[float, float, float], ...], curve: bytes) -> bytes:
    tags = {
        name + b"XYZ": b"XYZ \0\0\0\0" + fixed(*column)
        for name, column in zip((b"r", b"g", b"b"), columns, strict=True)
    }
    return profile({**tags, **{name + b"TRC": curve for name in (b"r", b"g", b"b")}})


def of_grey(power: float) -> bytes:
    return profile({b"kTRC": gamma(power)}, b"GRAY")


def of_ink() -> bytes:
    """CMYK in which black ink alone counts, from white (L 100) to a dark grey (L 20)."""
    grid = np.zeros((2, 2, 2, 2, 3), np.uint8)
    grid[..., 0, :], grid[..., 1, :] = (255, 128, 128), (51, 128, 128)
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return profile({b"A2B0": table + straight * 4 + grid.tobytes() + straight * 3}, b"CMYK", b"prtr", b"Lab ")


P3, ADOBE = of_screen(DISPLAY_P3, srgb_curve()), of_screen(ADOBE_RGB, gamma(563 / 256))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def iccp(content: bytes) -> bytes:
    return chunk(b"iCCP", b"any name\0\0" + zlib.compress(content))


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(image: Image.Image, *chunks: bytes) -> bytes:
    """With ``chunks`` behind its header."""
    file = saved(image)
    return file[:33] + b"".join(chunks) + file[33:]


def jpeg(image: Image.Image, content: bytes | None) -> bytes:
    return saved(image, "JPEG", quality=100, subsampling=0, icc_profile=content)


def webp(image: Image.Image, content: bytes) -> bytes:
    return saved(image, "WEBP", lossless=True, icc_profile=content)


def painted_masks() -> list[Image.Image]:
    """One rectangle, painted in ways of which some programs see another part, each 60 x 40."""
    clear = Image.new("RGBA", (60, 40), (255, 255, 255, 0))  # white all over, and nearly nowhere opaque
    clear.paste((255, 255, 255, 255), (10, 10, 30, 20))
    coloured = Image.new("RGB", (60, 40), (200, 0, 0))
    coloured.paste((0, 250, 40), (10, 10, 30, 20))
    coloured.paste((0, 0, 255), (40, 10, 50, 20))
    grey = Image.new("LA", (60, 40), (255, 60))
    grey.paste((128, 255), (10, 10, 30, 20))
    return [clear, coloured, grey, clear.getchannel("A"), clear.getchannel("A").convert("1"), coloured.quantize(8)]


def plain(colour: int | tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (16, 16), colour)
