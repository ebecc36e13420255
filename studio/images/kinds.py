"""What a file is that is none of the pictures taken here, by what it holds: its name and its type say little."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from studio.message import Message

LOOKED_AT = 4096  # bytes from the beginning
FILM, SOUND = Message("a film"), Message("sound")
QUICKTIME, CR3 = Message("a QuickTime film"), Message("a camera's raw file (CR3)")
RAW, TIFF = Message("a camera's raw file"), Message("TIFF or a camera's raw file")
DOCUMENT, ARCHIVE = Message("a document"), Message("ZIP, or a document")
MOVING: Mapping[str, Message | str] = {"avif": "AVIF", "avis": "AVIF", "crx ": CR3, "qt  ": QUICKTIME}
HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
BEGINNINGS: Mapping[bytes, Message | str] = {
    b"GIF8": "GIF", b"BM": "BMP", b"II*\0": TIFF, b"MM\0*": TIFF, b"II+\0": TIFF, b"MM\0+": TIFF, b"IIU\0": TIFF,
    b"IIRO": TIFF, b"IIRS": TIFF, b"FUJIFILM": RAW, b"8BPS": "PSD", b"gimp xcf": "XCF",
    b"\0\0\x01\0": "ICO", b"\0\0\x02\0": "ICO", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR", b"DDS ": "DDS", b"qoif": "QOI", b"\xd7\xcd\xc6\x9a": "WMF", b"P4\n": "PNM",
    b"P5\n": "PNM", b"P6\n": "PNM", b"%PDF": "PDF", b"%!PS": "PostScript", b"PK\x03\x04": ARCHIVE,
    b"\xd0\xcf\x11\xe0": DOCUMENT, b"\x1aE\xdf\xa3": FILM, b"\0\0\x01\xba": FILM, b"ID3": SOUND,
    b"OggS": SOUND, b"fLaC": SOUND, b"\x1f\x8b": "GZIP", b"7z\xbc\xaf\x27\x1c": "7Z", b"Rar!": "RAR",
}  # fmt: skip
MARKUP = {"<svg": "SVG", "<!doctype html": "HTML", "<html": "HTML"}
RIFF = {b"AVI ": FILM, b"WAVE": SOUND}


def other_kind(file: bytes) -> Message | str:
    """What ``file`` is, as it stands in "The file is ..."; empty for PNG, JPEG and WebP, and where it is not known."""
    if not file:
        return Message("empty")
    if file[4:8] == b"ftyp":
        return _of_brands(file)
    if file.startswith(b"RIFF"):
        return RIFF.get(file[8:12], "")
    for beginning, kind in BEGINNINGS.items():
        if file.startswith(beginning):
            return kind
    text = _text(file[:LOOKED_AT]).lower()
    return next((kind for mark, kind in MARKUP.items() if mark in text), Message("text") if text else "")


def _of_brands(file: bytes) -> Message | str:
    """Of ISO base media files (ISO/IEC 14496-12, 4.3): the major brand, then those that it goes with."""
    end = min(int.from_bytes(file[:4], "big"), LOOKED_AT)
    brands = [file[at : at + 4].decode("latin-1") for at in (8, *range(16, end, 4))]
    known = next((MOVING[brand] for brand in brands if brand in MOVING), "")
    return known or ("HEIC" if any(brand in HEIC for brand in brands) else FILM)


def _text(head: bytes) -> str:
    """``head`` as text, where it is some; a character that is cut off at its end does not count."""
    coding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head.decode(coding) if len(head) < LOOKED_AT else head[:-4].decode(coding, "ignore")
    except UnicodeDecodeError:
        return ""
    is_plain = all(each in "\t\n\r\f" or unicodedata.category(each) != "Cc" for each in text)
    return text if is_plain else ""
