"""What a picture's file says of its colours, told apart from the rest of it.

A damaged statement must not cost the picture, and Pillow refuses some of them; so it is given the file without.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from studio.images.colour import LARGEST_PROFILE, Curve, profile_of

PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
COLOUR_CHUNKS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
SCAN, APP2 = 0xDA, 0xE2  # markers, behind 0xFF
ICC_SEGMENT = b"ICC_PROFILE\0"  # then which of how many, a byte each
MPF_SEGMENT = b"MPF\0"  # the directory of further pictures behind the first: another view, a preview, a map of light
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
D65 = (0.3127, 0.3290)
SRGB = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# By their numbers in ITU-T H.273, tables 2 and 3; those of high dynamic range are left out. What is made for television
# is shown at a gamma of 2.4 (ITU-R BT.1886).
PRIMARIES = {
    1: SRGB, 9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046), 12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}  # fmt: skip
CURVES: Mapping[int, Curve] = {
    1: (2.4,), 4: (2.2,), 5: (2.8,), 6: (2.4,), 8: (1.0,), 13: SRGB_CURVE, 14: (2.4,), 15: (2.4,),
}  # fmt: skip
RGB_OF_FULL_RANGE = [0, 1]  # the other two code points of cICP, as a PNG must have them
LIKE_SRGB = 45455  # 1 / 2.2, as gAMA says it; without primaries beside it, it means sRGB
LEAST_GAMMA, MOST_GAMMA = 10_000, 1_000_000  # what lies beyond says nothing


def without_colours(file: bytes) -> tuple[bytes, list[bytes]]:
    """``file`` without what it says of its colours, and that as ICC profiles, the one that counts most first. Formats
    other than PNG and JPEG come back as they are."""
    if file.startswith(PNG_START):
        return _png(file)
    if file.startswith(JPEG_START):
        return _jpeg(file)
    return file, []


def _png(file: bytes) -> tuple[bytes, list[bytes]]:
    kept, said, last = [PNG_START], dict[bytes, bytes](), len(PNG_START)
    for name, at, end in _chunks(file):
        if name in COLOUR_CHUNKS:
            data = file[at + 8 : end - 4]
            if zlib.crc32(name + data) == int.from_bytes(file[end - 4 : end], "big"):
                said.setdefault(name, data)
        else:
            kept.append(file[at:end])
        last = end
    return b"".join([*kept, file[last:]]), list(_profiles(said))


def _chunks(file: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name, begin and end of each chunk before the pixels."""
    at = len(PNG_START)
    while at + 12 <= len(file):
        length, name = struct.unpack_from(">I4s", file, at)
        end = at + 12 + length
        if name == b"IDAT" or end > len(file):
            return
        yield name, at, end
        at = end


def _profiles(said: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """In the order of the PNG specification, third edition, 4.3. cHRM alone says too little to be used."""
    primaries, curve, *rest = said.get(b"cICP", b"").ljust(2, b"\0")
    if primaries in PRIMARIES and curve in CURVES and rest == RGB_OF_FULL_RANGE:
        yield profile_of(PRIMARIES[primaries], CURVES[curve])
    if b"iCCP" in said:
        _, _, packed = said[b"iCCP"].partition(b"\0")
        if packed[:1] == b"\0":
            yield _unpacked(packed[1:])
    if len(said.get(b"sRGB", b"")) == 1 or len(said.get(b"gAMA", b"")) != 4:
        return
    gamma, whites = int.from_bytes(said[b"gAMA"], "big"), said.get(b"cHRM", b"")
    chromaticities = [each / 1e5 for each in struct.unpack(">8I", whites)] if len(whites) == 32 else None
    if LEAST_GAMMA <= gamma <= MOST_GAMMA and (chromaticities or gamma != LIKE_SRGB):
        try:
            yield profile_of(chromaticities or SRGB, (1e5 / gamma,))
        except ValueError:
            return


def _unpacked(packed: bytes) -> bytes:
    """A profile as iCCP holds it; what is damaged or too large becomes none."""
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed, LARGEST_PROFILE)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""


def _jpeg(file: bytes) -> tuple[bytes, list[bytes]]:
    """The profile comes in parts that are numbered from 1."""
    kept, parts, at = [JPEG_START], dict[int, bytes](), len(JPEG_START)
    for begin, end in _segments(file):
        data = file[begin + 4 : end] if file[begin + 1] == APP2 else b""
        if data.startswith(ICC_SEGMENT):
            parts.setdefault(data[12] if len(data) > 12 else 0, data[14:])
        elif not data.startswith(MPF_SEGMENT):
            kept.append(file[begin:end])
        at = end
    profile = b"".join(parts[number] for number in sorted(parts))
    return b"".join([*kept, file[at:]]), [profile] if profile else []


def _segments(file: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each segment with a length, up to the first scan."""
    at = len(JPEG_START)
    while at + 4 <= len(file) and file[at] == 0xFF and file[at + 1] not in (SCAN, 0xFF):
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(file):
            return
        yield at, end
        at = end
