"""What a file is that is none of the pictures taken here, by what it holds: its name and its type say little."""

from __future__ import annotations

import unicodedata

LOOKED_AT = 4096  # bytes from the beginning
MOVING = {"avif": "AVIF", "avis": "AVIF", "crx ": "a camera's raw file (CR3)", "qt  ": "a QuickTime film"}
HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
TIFF = "TIFF or a camera's raw file"
BEGINNINGS = {
    b"GIF8": "GIF", b"BM": "BMP", b"II*\0": TIFF, b"MM\0*": TIFF, b"II+\0": TIFF, b"MM\0+": TIFF, b"IIU\0": TIFF,
    b"IIRO": TIFF, b"IIRS": TIFF, b"FUJIFILM": "a camera's raw file", b"8BPS": "PSD", b"gimp xcf": "XCF",
    b"\0\0\x01\0": "ICO", b"\0\0\x02\0": "ICO", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR", b"DDS ": "DDS", b"qoif": "QOI", b"\xd7\xcd\xc6\x9a": "WMF", b"P4\n": "PNM",
    b"P5\n": "PNM", b"P6\n": "PNM", b"%PDF": "PDF", b"%!PS": "PostScript", b"PK\x03\x04": "ZIP, or a document",
    b"\xd0\xcf\x11\xe0": "a document", b"\x1aE\xdf\xa3": "a film", b"\0\0\x01\xba": "a film", b"ID3": "sound",
    b"OggS": "sound", b"fLaC": "sound", b"\x1f\x8b": "GZIP", b"7z\xbc\xaf\x27\x1c": "7Z", b"Rar!": "RAR",
}  # fmt: skip
MARKUP = {"<svg": "SVG", "<!doctype html": "HTML", "<html": "HTML"}
RIFF = {b"AVI ": "a film", b"WAVE": "sound"}


def other_kind(file: bytes) -> str:
    """What ``file`` is, as it stands in "The file is ..."; empty for PNG, JPEG and WebP, and where it is not known."""
    if not file:
        return "empty"
    if file[4:8] == b"ftyp":
        return _of_brands(file)
    if file.startswith(b"RIFF"):
        return RIFF.get(file[8:12], "")
    for beginning, kind in BEGINNINGS.items():
        if file.startswith(beginning):
            return kind
    text = _text(file[:LOOKED_AT]).lower()
    return next((kind for mark, kind in MARKUP.items() if mark in text), "text" if text else "")


def _of_brands(file: bytes) -> str:
    """Of ISO base media files (ISO/IEC 14496-12, 4.3): the major brand, then those that it goes with."""
    end = min(int.from_bytes(file[:4], "big"), LOOKED_AT)
    brands = [file[at : at + 4].decode("latin-1") for at in (8, *range(16, end, 4))]
    known = next((MOVING[brand] for brand in brands if brand in MOVING), "")
    return known or ("HEIC" if any(brand in HEIC for brand in brands) else "a film")


def _text(head: bytes) -> str:
    """``head`` as text, where it is some; a character that is cut off at its end does not count."""
    coding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head.decode(coding) if len(head) < LOOKED_AT else head[:-4].decode(coding, "ignore")
    except UnicodeDecodeError:
        return ""
    is_plain = all(each in "\t\n\r\f" or unicodedata.category(each) != "Cc" for each in text)
    return text if is_plain else ""
