"""Opens what people upload: photographs as they come out of cameras and programs, and nothing that is not a picture.

Size and format are looked at before anything is decoded, so that a small file that unpacks to gigabytes is refused.
"""

from __future__ import annotations

import io
import warnings
from typing import IO

import numpy as np
from PIL import ExifTags, Image

from studio.errors import BadPicture
from studio.images.pixels import Mask, Pixels

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 64 * 2**20  # bytes
SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # pixels
MOST_PIXELS = 50_000_000
TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
PAPER = (255, 255, 255)  # what shows through where a picture is transparent


def open_picture(file: bytes | IO[bytes]) -> Pixels:
    """A picture as it is meant to be seen: turned as EXIF says, transparency on white, any mode as 8-bit RGB; of one
    that moves, the first frame.

    Raises `BadPicture`, which says what was wrong and what is taken.
    """
    image = _decoded(file)
    if image.mode.startswith(("I", "F")):
        return Pixels.of(np.repeat(_eight_bits(image)[:, :, None], 3, axis=2))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, (*PAPER, 255))
        image = Image.alpha_composite(paper, image)
    return Pixels.of(np.asarray(image.convert("RGB")))


def open_mask(file: bytes | IO[bytes]) -> Mask:
    """A mask: what is opaque and lighter than the middle is to be repainted. Raises `BadPicture`."""
    image = _decoded(file)
    if image.mode.startswith(("I", "F")):
        return Mask.of(_eight_bits(image))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(paper, image)
    return Mask.of(np.asarray(image.convert("L")))


def _decoded(file: bytes | IO[bytes]) -> Image.Image:
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if length > LARGEST_FILE:
        raise BadPicture(
            f"The file has {length / 2**20:.0f} MB; pictures of at most {LARGEST_FILE // 2**20} MB are taken."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit is lower; ours is checked below, before decoding
            image = Image.open(stream, formats=FORMATS)
            check_size(*image.size)
            image.load()
            return _upright(image)
    except BadPicture:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise BadPicture(
            f"The file cannot be read as a picture ({type(error).__name__}); "
            "a whole PNG, JPEG or WebP file was expected."
        ) from None


def _upright(image: Image.Image) -> Image.Image:
    """``image`` turned as EXIF says. EXIF that cannot be read says nothing; it is not written anew, at which Pillow
    stumbles over what some cameras write."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return image
    return image if turn is None else image.transpose(turn)


def is_animated(file: bytes) -> bool:
    """Whether a file that `open_picture` takes has further frames than the one that it returns."""
    with Image.open(io.BytesIO(file), formats=FORMATS) as image:
        return bool(getattr(image, "is_animated", False))


def check_size(width: int, height: int) -> None:
    """Raises `BadPicture` for a picture that is larger or smaller than what is taken."""
    if not (min(width, height) >= SMALLEST_SIDE and max(width, height) <= LARGEST_SIDE):
        raise BadPicture(
            f"The picture is {width}x{height}; sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels are taken."
        )
    if width * height > MOST_PIXELS:
        raise BadPicture(
            f"The picture has {width * height / 1e6:.0f} megapixels; at most {MOST_PIXELS / 1e6:.0f} are taken."
        )


def _eight_bits(image: Image.Image) -> np.ndarray:
    """Grey of 16 or 32 bits (which Pillow would cut off at 255) or of fractions, brought down to 8 bits."""
    levels = np.asarray(image).astype(np.float64)
    largest = 1.0 if image.mode.startswith("F") and levels.max(initial=0) <= 1 else 65535.0
    return np.clip(levels / largest * 255, 0, 255).round().astype(np.uint8)
