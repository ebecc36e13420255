"""A place to bring one picture to (`static/editor.js`, `static/picture.js`). Its value names it by its digest."""

from __future__ import annotations

from typing import Any

from studio.images.pixels import Pixels
from studio.requests.limits import DIGEST
from tabs.components.editor import Editor, stamped
from tabs.routes.sources import describe


class PictureEditor(Editor):
    def __init__(self, **options: Any) -> None:
        super().__init__("picture", {"source": None}, **options)

    def preprocess(self, payload: Any) -> str | None:
        """The picture's digest; None where there is none yet, or the browser sent something else."""
        source = payload.get("source") if isinstance(payload, dict) else None
        digest = source.get("digest") if isinstance(source, dict) else None
        return digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else None


def showing_picture(picture: Pixels, note: str = "", *, is_settled: bool = True) -> dict[str, Any]:
    """The editor's value for a picture that is there already; ``is_settled``: what follows from it is told as well."""
    return stamped(source=describe(picture), note=note, settled=is_settled)


def emptied() -> dict[str, Any]:
    """The editor's value where there is no picture (any more)."""
    return stamped(empty=True)


def showing_note(note: str) -> dict[str, Any]:
    """A line under the picture, which stays."""
    return stamped(note=note)
