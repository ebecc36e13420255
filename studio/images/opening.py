"""Opens what people upload: photographs as they come out of cameras and programs, and nothing that is not a picture.

Size and format are looked at before anything is decoded, so that a small file that unpacks to gigabytes is refused.
"""

from __future__ import annotations

import io
import warnings
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, ImageChops

from studio.errors import BadPicture
from studio.images.colour import eight_bits, in_srgb
from studio.images.kinds import other_kind
from studio.images.pixels import Mask, Pixels
from studio.images.stated import without_colours

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 64 * 2**20  # bytes
SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # pixels
MOST_PIXELS = 50_000_000
TURNS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
PNG_DEPTH = 24  # where a PNG says how many bits a level has
JPEG_END = b"\xff\xd9"
LONGEST_BLOCK = 1024  # bytes of a JPEG, and more
PAPER = (255, 255, 255)  # what shows through where a picture is transparent


def open_picture(file: bytes | IO[bytes]) -> Pixels:
    """A picture as it is meant to be seen: turned as EXIF says, in sRGB, transparency on white, any mode as 8-bit RGB;
    of one that moves, the first frame.

    Raises `BadPicture`, which says what was wrong and what is taken.
    """
    image, profiles = _decoded(file)
    colours, alpha = _layers(image)
    colours = eight_bits(in_srgb(colours, profiles)).convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
        colours = Image.alpha_composite(Image.new("RGBA", colours.size, (*PAPER, 255)), colours).convert("RGB")
    return Pixels.of(np.asarray(colours))


def open_mask(file: bytes | IO[bytes]) -> Mask:
    """A mask: what is opaque and lighter than the middle is to be repainted, by its levels as they are in the file,
    whatever colours those mean. Raises `BadPicture`."""
    image, _ = _decoded(file)
    colours, alpha = _layers(image)
    levels = eight_bits(colours).convert("L")
    return Mask.of(np.asarray(levels if alpha is None else ImageChops.multiply(levels, alpha)))


def _decoded(file: bytes | IO[bytes]) -> tuple[Image.Image, list[bytes]]:
    """The picture in ``file``, upright, and what its colours are in: ICC profiles, the one that counts most first."""
    content = file if isinstance(file, bytes) else file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise BadPicture(
            "The file has {size} MB; pictures of at most {most} MB are taken.",
            size=f"{len(content) / 2**20:.0f}",
            most=LARGEST_FILE // 2**20,
        )
    if kind := other_kind(content):
        raise BadPicture(
            "The file is {format}; a PNG, JPEG or WebP file was expected. Please save the picture as one of these.",
            format=kind,
        )
    content, profiles = without_colours(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit is lower; ours is checked below, before decoding
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            check_size(*image.size)
            profiles += [profile] if (profile := image.info.get("icc_profile")) else []
            try:
                image.load()
            except OSError:
                if image.format != "JPEG":
                    raise
                image = _ended(content)
            if image.format == "PNG" and "transparency" in image.info:
                image.info["transparency"] = _key(image.info["transparency"], image.mode, content[PNG_DEPTH])
            return _upright(image), profiles
    except BadPicture:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise BadPicture(
            "The file cannot be read as a picture ({kind}); a whole PNG, JPEG or WebP file was expected.",
            kind=type(error).__name__,
        ) from None


def _ended(jpeg: bytes) -> Image.Image:
    """The picture in a JPEG that lacks its end and nothing else: decoders pass over what follows the last block, so it
    is the same whatever stands there. Raises `BadPicture` where a part of the picture is lacking."""
    found = []
    for rest in (b"", b"\xfe" * LONGEST_BLOCK, b"\xa5" * LONGEST_BLOCK):  # long codes, short codes
        found.append(Image.open(io.BytesIO(jpeg.rstrip(b"\xff") + rest + JPEG_END), formats=("JPEG",)))
        if found[-1].tobytes() != found[0].tobytes():
            raise BadPicture("The file ends before its picture does; a whole PNG, JPEG or WebP file was expected.")
    return found[0]


def _key(key: Any, mode: str, depth: int) -> Any:
    """The transparent level or colour of a PNG, which counts in its own depth, as Pillow's pixels count."""
    if mode == "RGB" and depth == 16:
        return tuple(level >> 8 for level in key)
    if mode == "L" and depth < 8:
        return (key & (2**depth - 1)) * 255 // (2**depth - 1)
    return key


def _layers(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours of ``image`` ("L", "I", "I;16", "F", "RGB" or "CMYK") and how opaque they are ("L"), None for all."""
    if image.mode.startswith(("I", "F")):
        key = image.info.get("transparency")
        return image, None if key is None else Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype("u1"))
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        is_grey = image.mode in ("1", "L", "LA")
        return layered.getchannel("R") if is_grey else layered.convert("RGB"), layered.getchannel("A")
    plain = {"1": "L", "P": "RGB"}.get(image.mode, image.mode)
    return image.convert(plain), None


def _upright(image: Image.Image) -> Image.Image:
    """``image`` turned as EXIF says. EXIF that cannot be read says nothing; it is not written anew, at which Pillow
    stumbles over what some cameras write."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return image
    return image if turn is None else image.transpose(turn)


def is_animated(file: bytes) -> bool:
    """Whether a file that `open_picture` takes moves; further pictures in a photograph are no movement."""
    with Image.open(io.BytesIO(without_colours(file)[0]), formats=FORMATS) as image:
        return bool(getattr(image, "is_animated", False))


def check_size(width: int, height: int) -> None:
    """Raises `BadPicture` for a picture that is larger or smaller than what is taken."""
    if not (min(width, height) >= SMALLEST_SIDE and max(width, height) <= LARGEST_SIDE):
        raise BadPicture(
            "The picture is {size}; sides of {least} to {most} pixels are taken.",
            size=f"{width}x{height}",
            least=SMALLEST_SIDE,
            most=LARGEST_SIDE,
        )
    if width * height > MOST_PIXELS:
        raise BadPicture(
            "The picture has {size} megapixels; at most {most} are taken.",
            size=f"{width * height / 1e6:.0f}",
            most=f"{MOST_PIXELS / 1e6:.0f}",
        )
