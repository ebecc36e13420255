"""Colours as they are meant to be seen: a picture's levels, in whatever colour space, brought to sRGB.

Of what a file says, as much is believed as browsers believe, so that what is worked on is what was seen before.
Masks are measured and not seen, so nothing here is for them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

LARGEST_PROFILE = 16 * 2**20  # bytes; as much as a JPEG can hold
SPACES = {"I;16": ("GRAY", "RGB "), "L": ("GRAY", "RGB "), "RGB": ("RGB ",), "CMYK": ("CMYK",)}  # of Pillow's modes
CLASSES = ("scnr", "mntr", "prtr", "spac")  # the profiles of devices and spaces; others say nothing of a picture
SAME = 1  # level of 255, by which sRGB profiles differ from one another
MOST_TAGS = 100  # of a profile, as many as LittleCMS reads
D50 = (0.9642, 1.0, 0.8249)  # the white of profiles, XYZ
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Curve: TypeAlias = tuple[float, ...]  # the gamma alone, or g, a, b, c, d of ICC.1:2022, table 68, type 3
Primaries: TypeAlias = Sequence[float]  # x and y of white, red, green and blue


def in_srgb(image: Image.Image, profiles: Sequence[bytes]) -> Image.Image:
    """``image`` in sRGB by the first of ``profiles`` that can be used, as "RGB"; as it is where none can, or where it
    is in sRGB already. ICC profiles that are damaged, absurd, or of another kind of picture are passed over."""
    for profile in profiles:
        transform, mode = _transform(profile, image.mode)
        if transform is None:
            continue
        probe = _probe(mode)
        meant = np.asarray(transform.apply(probe), np.int16)
        if (meant == meant[:, :1]).all():
            continue  # one colour for everything
        if mode in ("L", "RGB") and np.abs(meant - np.asarray(probe.convert("RGB"))).max() <= SAME:
            return image
        return transform.apply(image if image.mode == mode else eight_bits(image).convert(mode))
    return image


def eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits (which Pillow would cut off at 255) or of fractions, brought down to 8 bits; others as they
    are."""
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.asarray(image).astype(np.float64)
    largest = 1.0 if image.mode.startswith("F") and levels.max(initial=0) <= 1 else 65535.0
    return Image.fromarray(np.clip(levels / largest * 255, 0, 255).round().astype(np.uint8))


def _transform(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """From a profile's space to sRGB, and the mode of the pictures that it takes; None where it fits to no ``mode``."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(_bounded(profile)))
        space = source.profile.xcolor_space
        if space not in SPACES.get(mode, ()) or source.profile.device_class not in CLASSES:
            return None, mode
        taken = "RGB" if space == "RGB " else mode
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), taken, "RGB"), taken
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None, mode


def _bounded(profile: bytes) -> bytes:
    """``profile`` without its tables of floating-point elements (D2B0 to D2B3), which say at more bits what A2B0 to
    A2B3 say: of a million elements each would be gone through for each colour. Raises `ValueError` where it is too
    large."""
    if not 132 < len(profile) <= LARGEST_PROFILE:
        raise ValueError
    bounded, count = bytearray(profile), min(int.from_bytes(profile[128:132], "big"), MOST_TAGS)
    for at in range(132, 132 + 12 * count, 12):
        if bounded[at : at + 3] == b"D2B":
            bounded[at : at + 3] = b"d2b"
    return bytes(bounded)


def _probe(mode: str) -> Image.Image:
    """Colours over all of a mode's space, one behind the other."""
    if mode in ("L", "I;16"):
        greys = np.arange(256, dtype=np.uint8)[None]
        return Image.fromarray(greys if mode == "L" else greys.astype(np.uint16) * 257)
    steps = np.linspace(0, 255, 9 if mode == "RGB" else 4).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(*[steps] * len(mode)), -1).reshape(1, -1, len(mode))
    return Image.frombytes(mode, (cube.shape[1], 1), cube.tobytes())


def profile_of(primaries: Primaries, curve: Curve) -> bytes:
    """An ICC profile of the space with these primaries and this curve from levels to light (ICC.1:2022, 8.3.3). Raises
    `ValueError` where there is no such space."""
    light = _to_d50(primaries)
    kind = struct.pack(">4s4xHxx", b"para", 0 if len(curve) == 1 else 3)
    tags = {b"wtpt": struct.pack(">4s4x", b"XYZ ") + _fixed(D50)}
    for name, colour in zip((b"r", b"g", b"b"), light.T, strict=True):
        tags[name + b"XYZ"] = struct.pack(">4s4x", b"XYZ ") + _fixed(colour)
        tags[name + b"TRC"] = kind + _fixed(curve)
    table, content, first = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, first + len(content), len(data))
        content += data
    size = first + len(content)
    header = struct.pack(">I4xI4s4s4s12x4s28x12s48x", size, 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp", _fixed(D50))
    return header + struct.pack(">I", len(tags)) + table + content


def _fixed(numbers: Sequence[float] | NDArray[np.float64]) -> bytes:
    """As s15Fixed16Number."""
    try:
        return struct.pack(f">{len(numbers)}i", *(round(float(number) * 65536) for number in numbers))
    except (OverflowError, struct.error) as error:
        raise ValueError from error


def _to_d50(primaries: Primaries) -> NDArray[np.float64]:
    """What red, green and blue are in XYZ, the columns of [3, 3]; white brought to D50 after Bradford."""
    x, y = np.array(primaries, np.float64).reshape(4, 2).T
    if (y <= 0).any():
        raise ValueError
    white, *colours = np.stack([x / y, np.ones(4), (1 - x - y) / y], 1)
    try:
        scaled = np.array(colours).T * np.linalg.solve(np.array(colours).T, white)
        cones = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
        return np.asarray(np.linalg.solve(BRADFORD, cones @ BRADFORD @ scaled))
    except np.linalg.LinAlgError as error:
        raise ValueError from error
