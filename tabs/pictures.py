"""How finished pictures reach the browser: two routes beside gradio's own.

GET studio/pictures/ID.png                      a picture, byte for byte as it lies on the disk
GET studio/spread.png?pictures=ID.png,ID.png    where several drawings of one thing differ, as a heat map
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from studio.errors import MissingImage, StudioError
from studio.gallery.store import Store
from studio.images.opening import open_picture
from studio.images.pixels import Pixels
from studio.images.spread import heat, spread
from studio.requests import MOST_PICTURES

PICTURES_URL, SPREAD_URL = "studio/pictures", "studio/spread.png"
PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.png")
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
COMPARED_AT_ONCE = 1


def spread_url(names: Sequence[str]) -> str:
    return f"{SPREAD_URL}?pictures={','.join(names)}"


def finished_picture(store: Store, name: str) -> Pixels:
    """A finished picture by its file's name. Raises `MissingImage`."""
    path = store.folder / name
    if not PICTURE_NAME.fullmatch(name) or not path.is_file():
        raise MissingImage("There is no such picture (any more).")
    return open_picture(path.read_bytes())


def picture_routes(store: Store) -> list[Route]:
    """Names of pictures cannot be guessed, so whoever knows one may see it."""
    limiter = CapacityLimiter(COMPARED_AT_ONCE)

    async def show(request: HttpRequest) -> Response:
        name = request.path_params["name"]
        path = store.folder / name
        if not PICTURE_NAME.fullmatch(name) or not path.is_file():
            return PlainTextResponse("There is no such picture.", status_code=404)
        return FileResponse(path, media_type="image/png", headers=FOR_EVER)

    async def compare(request: HttpRequest) -> Response:
        names = request.query_params.get("pictures", "").split(",")
        try:
            return await to_thread.run_sync(lambda: _heat_map(store, names), limiter=limiter)
        except StudioError as error:
            return PlainTextResponse(str(error), status_code=404)

    return [Route(f"/{PICTURES_URL}/{{name}}", show), Route(f"/{SPREAD_URL}", compare)]


def _heat_map(store: Store, names: Sequence[str]) -> Response:
    if not 2 <= len(names) <= MOST_PICTURES:
        raise MissingImage(f"From 2 to {MOST_PICTURES} pictures can be compared.")
    pictures = [finished_picture(store, name).array for name in names]
    if len({picture.shape for picture in pictures}) > 1:
        raise MissingImage("Pictures of different sizes cannot be compared.")
    stream = io.BytesIO()
    PIL.Image.fromarray(heat(spread(pictures))).save(stream, "PNG")
    return Response(stream.getvalue(), media_type="image/png", headers=FOR_EVER)
