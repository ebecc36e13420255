"""How finished pictures reach the browser: two routes beside gradio's own.

GET studio/pictures/ID.png                      a picture, byte for byte as it lies on the disk
GET studio/deviation.png?pictures=ID.png,ID.png    where several drawings of one thing differ, as a heat map
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from studio.errors import MissingImage, StudioError
from studio.gallery.store import Store
from studio.images.deviation import heat, standard_deviation
from studio.images.opening import open_picture
from studio.images.pixels import Pixels
from studio.requests.limits import MOST_PICTURES
from tabs.request_context import answer_of

PICTURES_URL, DEVIATION_URL = "studio/pictures", "studio/deviation.png"
PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.png")
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
COMPARED_AT_ONCE = 1
MOST_COMPARED = 300_000_000  # pixels of all pictures together


def deviation_url(names: Sequence[str]) -> str:
    return f"{DEVIATION_URL}?pictures={','.join(names)}"


def finished_picture(store: Store, name: str) -> Pixels:
    """A finished picture by its file's name. Raises `MissingImage`."""
    return open_picture(finished_file(store, name))


def finished_file(store: Store, name: str) -> bytes:
    """The file of a finished picture by its name. Raises `MissingImage`."""
    return _path(store, name).read_bytes()


def _path(store: Store, name: str) -> Path:
    path = store.folder / name
    if not PICTURE_NAME.fullmatch(name) or not path.is_file():
        raise MissingImage("There is no such picture (any more).")
    return path


def picture_routes(store: Store) -> list[Route]:
    """Names of pictures cannot be guessed, so whoever knows one may see it."""
    limiter = CapacityLimiter(COMPARED_AT_ONCE)

    async def show(request: HttpRequest) -> Response:
        try:
            path = _path(store, request.path_params["name"])
        except StudioError as error:
            return answer_of(error, request)
        return FileResponse(path, media_type="image/png", headers=FOR_EVER)

    async def compare(request: HttpRequest) -> Response:
        names = request.query_params.get("pictures", "").split(",")
        try:
            return await to_thread.run_sync(lambda: _heat_map(store, names), limiter=limiter)
        except StudioError as error:
            return answer_of(error, request)

    return [Route(f"/{PICTURES_URL}/{{name}}", show), Route(f"/{DEVIATION_URL}", compare)]


def _heat_map(store: Store, names: Sequence[str]) -> Response:
    if not 2 <= len(names) <= MOST_PICTURES:
        raise MissingImage("From 2 to {most} pictures can be compared.", most=MOST_PICTURES)
    sizes = [_size_of(store, name) for name in names]
    if len(set(sizes)) > 1:
        raise MissingImage("Pictures of different sizes cannot be compared.")
    if sum(width * height for width, height in sizes) > MOST_COMPARED:
        raise MissingImage("{count} pictures of this size are too many to compare at once.", count=len(names))
    stream = io.BytesIO()
    levels = standard_deviation([finished_picture(store, name).array for name in names])
    PIL.Image.fromarray(heat(levels)).save(stream, "PNG")
    return Response(stream.getvalue(), media_type="image/png", headers=FOR_EVER)


def _size_of(store: Store, name: str) -> tuple[int, int]:
    """Width and height of a finished picture, without decoding it."""
    with PIL.Image.open(_path(store, name), formats=("PNG",)) as image:
        return image.size
