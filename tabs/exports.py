"""How the gallery's small pictures, and several pictures at once, reach the browser: two routes beside gradio's own.

GET studio/thumbnails/ID.webp                 a picture at the size of the grid, made when it is first asked for
GET studio/export.zip?pictures=ID,ID          pictures with their recipes

Names of pictures cannot be guessed, so whoever knows one may see it.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.background import BackgroundTask
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from studio.errors import MissingImage, StudioError
from studio.gallery.export import write_zip
from studio.gallery.store import Store
from tabs.door import answer_of
from tabs.pictures import FOR_EVER

THUMBNAILS_URL, EXPORT_URL = "studio/thumbnails", "studio/export.zip"
SIDE = 320  # pixels of a small picture's longer side
MOST_IN_ZIP = 200
MADE_AT_ONCE = 2
NAME = re.compile(r"[0-9a-f]{32}")


def export_routes(store: Store) -> list[Route]:
    limiter, packing = CapacityLimiter(MADE_AT_ONCE), CapacityLimiter(1)

    async def thumbnail(request: HttpRequest) -> Response:
        try:
            path = await to_thread.run_sync(lambda: _thumbnail(store, request.path_params["name"]), limiter=limiter)
        except StudioError as error:
            return answer_of(error, request)
        return FileResponse(path, media_type="image/webp", headers=FOR_EVER)

    async def export(request: HttpRequest) -> Response:
        names = request.query_params.get("pictures", "").split(",")
        try:
            path = await to_thread.run_sync(lambda: _packed(store, names), limiter=packing)
        except StudioError as error:
            return answer_of(error, request)
        shown = time.strftime("latent-studio-%Y%m%d-%H%M%S.zip")
        done = BackgroundTask(lambda: path.unlink(missing_ok=True))
        return FileResponse(path, media_type="application/zip", filename=shown, background=done)

    return [Route(f"/{THUMBNAILS_URL}/{{name}}.webp", thumbnail), Route(f"/{EXPORT_URL}", export)]


def _thumbnail(store: Store, name: str) -> Path:
    path = store.thumbnails / f"{name}.webp"
    if not NAME.fullmatch(name) or not (store.folder / f"{name}.png").is_file():
        raise MissingImage("There is no such picture (any more).")
    if not path.is_file():
        with PIL.Image.open(store.folder / f"{name}.png", formats=("PNG",)) as picture:
            picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
            small = picture.convert("RGB")
        store.write(path, lambda file: small.save(file, "WEBP", quality=85))
    return path


def _packed(store: Store, names: list[str]) -> Path:
    if not 1 <= len(names) <= MOST_IN_ZIP or not all(NAME.fullmatch(name) for name in names):
        raise MissingImage(f"From 1 to {MOST_IN_ZIP} pictures can be packed at once.")
    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
        count = write_zip([store.folder / f"{name}.png" for name in names], file)
    if not count:
        Path(file.name).unlink()
        raise MissingImage("There is no such picture (any more).")
    return Path(file.name)
