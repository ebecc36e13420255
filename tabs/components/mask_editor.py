"""The mask editor: a picture with a brush on it, in one 2D canvas (`static/editor.js`, `static/mask.js`).

Its value names the picture by its digest and brings the mask as a PNG; the picture's own pixels never leave the server.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.errors import BadPicture
from studio.images.opening import open_mask
from studio.images.pixels import Mask, Pixels
from studio.requests.limits import DIGEST
from tabs.components.editor import Editor, stamped
from tabs.routes.sources import PNG_URL, SHOWN_SIDE, describe, shown_mask

LONGEST_URL = 8_000_000  # characters


@dataclass(frozen=True)
class Painted:
    """What a browser sends: ``digest`` of the picture, and what is painted over it, uint8 [h, w], at the size at which
    it was shown; None for nothing."""

    digest: str
    mask: NDArray[np.uint8] | None


class MaskEditor(Editor):
    def __init__(self, **options: Any) -> None:
        super().__init__("mask", {"source": None, "mask": None}, **options)

    def preprocess(self, payload: Any) -> Painted | None:  # type: ignore[override]  # declared as text, passed on as it is
        """What was painted; None where there is no picture yet, or the browser sent something else."""
        source = payload.get("source") if isinstance(payload, dict) else None
        digest = source.get("digest") if isinstance(source, dict) else None
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            return None
        return Painted(digest, _decoded(payload.get("mask")))


def showing(picture: Pixels, mask: Mask | None = None) -> dict[str, Any]:
    """The editor's value for a picture that is there already, with its mask if it has one."""
    return stamped(source=describe(picture), mask=None if mask is None else shown_mask(mask))


def _decoded(url: Any) -> NDArray[np.uint8] | None:
    if not isinstance(url, str) or not url.startswith(PNG_URL) or len(url) > LONGEST_URL:
        return None
    try:
        mask = open_mask(base64.b64decode(url.removeprefix(PNG_URL), validate=True))
    except (BadPicture, binascii.Error):
        return None
    return mask.array if max(mask.width, mask.height) <= SHOWN_SIDE and any(mask.levels) else None
