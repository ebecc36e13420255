"""Pictures and masks as programs send them: as the text of a file, or by the name of one that is here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from studio.errors import BadPicture, InvalidRequest, MissingImage
from studio.gallery.store import Store
from studio.images.opening import LARGEST_FILE, open_mask, open_picture
from studio.images.pixels import Image, Mask, Pixels
from studio.images.resizing import mask_of_size
from studio.message import Message
from studio.requests.fields import MaskOf, Picture
from studio.requests.limits import DIGEST
from studio.requests.request import Request
from tabs.routes.pictures import PICTURE_NAME, finished_file

A_MASK = Message("a mask; POST /studio/sources/DIGEST/mask takes one for the picture of that digest")
A_PICTURE = Message(
    "a picture as base64 text, the name of one that was drawn here, or the digest of one that was uploaded"
)


def images_of(kind: type[Request], asked: Mapping[str, Any], store: Store) -> dict[str, Image]:
    """The images that somebody sent for fields of ``kind``, by these. Raises `StudioError`."""
    found: dict[str, Image] = {}
    for name, field in kind.asked().items():
        if not isinstance(field, Picture) or name not in asked or (field.may_be_empty and asked[name] == ""):
            continue
        if isinstance(field, MaskOf):
            found[name] = _mask(store, name, asked[name], found[field.picture])
        else:
            found[name] = _picture(store, name, asked[name])
    return found


def _picture(store: Store, field: str, value: Any) -> Pixels:
    """A picture that was sent, or one that is here already. Raises `StudioError` where it is neither."""
    if isinstance(value, str) and DIGEST.fullmatch(value):
        source = store.source(value)
        if not isinstance(source, Pixels):
            raise MissingImage("This is a mask and not a picture.")
        return source
    return open_picture(_file(store, field, value))


def _mask(store: Store, field: str, value: Any, picture: Image) -> Mask:
    """The mask of ``picture``, at its size. Of a picture that was uploaded as one it is not known any more what was
    transparent, so it is no mask."""
    if isinstance(value, str) and DIGEST.fullmatch(value):
        mask = store.source(value)
        if not isinstance(mask, Mask):
            raise InvalidRequest(field, value, A_MASK)
    else:
        mask = open_mask(_file(store, field, value))
    return mask_of_size(mask, picture.width, picture.height)


def _file(store: Store, field: str, value: Any) -> bytes:
    """The file of a picture that was sent, or that was drawn here."""
    if not isinstance(value, str):
        raise InvalidRequest(field, value, A_PICTURE)
    if PICTURE_NAME.fullmatch(value):
        return finished_file(store, value)
    _, _, text = value.rpartition(",") if value.startswith("data:") else ("", "", value)
    if len(text) > LARGEST_FILE * 4 // 3 + 4:
        raise BadPicture("The file is larger than {most} MB.", most=LARGEST_FILE // 2**20)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(field, value, A_PICTURE) from None
