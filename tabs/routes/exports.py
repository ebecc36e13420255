"""How the gallery's small pictures, files that it makes and files that it takes reach the browser: routes beside
gradio's own.

GET  studio/thumbnails/ID.webp       a picture at the size of the grid, made when it is first asked for
POST studio/recipes                  a picture's bytes     -> what its recipe says, and what of it can be used here
POST studio/imports                  a ZIP's bytes         -> a name, by which the gallery is told to take it in
GET  studio/errands/NAME             how far an export or import is
POST studio/errands/NAME/stop
GET  studio/errands/NAME/file        what an export made

Names of pictures and errands cannot be guessed, so whoever knows one may see it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from studio.backends.client import EngineClient
from studio.errors import BadPicture, MissingImage, StudioError
from studio.gallery.errands import BackgroundJob, BackgroundJobs
from studio.gallery.foreign import Reading, read_picture
from studio.gallery.store import Store
from studio.message import Message
from studio.requests import to_mapping
from tabs.locale.catalogue import in_language
from tabs.request_context import answer_of, language_of
from tabs.routes.pictures import FOR_EVER

THUMBNAILS_URL, RECIPES_URL = "studio/thumbnails", "studio/recipes"
IMPORTS_URL, ERRANDS_URL = "studio/imports", "studio/errands"
SIDE = 320  # pixels of a small picture's longer side
AT_ONCE = 2
NAME = re.compile(r"[0-9a-f]{32}")
MOST_UPLOADS, KEPT_UPLOAD_SECONDS = 8, 600.0  # archives that nobody has said to take in yet


def export_routes(client: EngineClient, store: Store, errands: BackgroundJobs) -> list[Route]:
    limiter = CapacityLimiter(AT_ONCE)

    async def answer(request: HttpRequest, work: Callable[[], Response]) -> Response:
        try:
            return await to_thread.run_sync(work, limiter=limiter)
        except StudioError as error:
            return answer_of(error, request)

    async def thumbnail(request: HttpRequest) -> Response:
        name = request.path_params["name"]
        return await answer(
            request, lambda: FileResponse(thumbnail_of(store, name), media_type="image/webp", headers=FOR_EVER)
        )

    async def read(request: HttpRequest) -> Response:
        content = await request.body()  # the guard has limited it
        return await answer(request, lambda: JSONResponse(_told(_reading(client, content), language_of(request))))

    async def take(request: HttpRequest) -> Response:
        content = await request.body()
        return await answer(request, lambda: JSONResponse({"upload": _kept(store, errands, content)}))

    async def look(request: HttpRequest) -> Response:
        errand = errands.find(request.path_params["name"])
        if errand is None:
            return answer_of(MissingImage("There is no such export or import (any more)."), request)
        return JSONResponse(_state(errand, language_of(request)), headers={"Cache-Control": "no-store"})

    async def stop(request: HttpRequest) -> Response:
        errands.stop(request.path_params["name"])
        return JSONResponse({})

    async def fetch(request: HttpRequest) -> Response:
        errand = errands.find(request.path_params["name"])
        if errand is None or errand.state != "done" or not errand.path.is_file():
            return answer_of(MissingImage("There is no such export or import (any more)."), request)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        kind = "application/octet-stream"  # which no browser opens by itself
        return FileResponse(errand.path, media_type=kind, filename=errand.title, headers=headers)

    return [
        Route(f"/{THUMBNAILS_URL}/{{name}}.webp", thumbnail),
        Route(f"/{RECIPES_URL}", read, methods=["POST"]),
        Route(f"/{IMPORTS_URL}", take, methods=["POST"]),
        Route(f"/{ERRANDS_URL}/{{name}}", look),
        Route(f"/{ERRANDS_URL}/{{name}}/stop", stop, methods=["POST"]),
        Route(f"/{ERRANDS_URL}/{{name}}/file", fetch),
    ]


def upload_at(errands: BackgroundJobs, name: object) -> Path:
    """An archive that was sent. Raises `MissingImage`."""
    path = errands.folder / f"{name}.upload"
    if not isinstance(name, str) or not NAME.fullmatch(name) or not path.is_file():
        raise MissingImage("The file to import is not here (any more); please choose it again.")
    return path


def _kept(store: Store, errands: BackgroundJobs, content: bytes) -> str:
    """Keeps what was sent until the gallery is told to take it in, for some minutes."""
    if not content.startswith(b"PK"):
        raise BadPicture("The file is no ZIP; a ZIP of pictures with recipes was expected.")
    waiting = sorted(errands.folder.glob("*.upload"), key=lambda file: file.stat().st_mtime)
    for old in waiting:
        if time.time() - old.stat().st_mtime > KEPT_UPLOAD_SECONDS:
            old.unlink(missing_ok=True)
    if len(waiting) >= MOST_UPLOADS:
        waiting[0].unlink(missing_ok=True)
    name = secrets.token_hex(16)
    store.check_room(len(content))
    try:
        (errands.folder / f"{name}.upload").write_bytes(content)
    except OSError as error:
        raise BadPicture("The data folder cannot be written to ({reason}).", reason=str(error.strerror)) from None
    return name


def _reading(client: EngineClient, content: bytes) -> Reading:
    return read_picture(content, [state.info for state in client.packs()])


def _told(reading: Reading, language: str) -> dict[str, Any]:
    request = to_mapping(reading.request)
    exact = {**request, "seed": str(request["seed"])}  # JavaScript counts to 2^53 only
    if "variation_seed" in exact:
        exact["variation_seed"] = str(exact["variation_seed"])
    lost = [in_language(each, language) if isinstance(each, Message) else each for each in reading.lost]
    return {"program": reading.program, "text": reading.text, "lost": lost, "request": exact}


def _state(errand: BackgroundJob, language: str) -> dict[str, Any]:
    problem = in_language(errand.problem, language) if errand.problem else ""
    return {
        "state": errand.state, "done": errand.done, "total": errand.total, "problem": problem, "told": errand.told,
        "hasFile": errand.path.is_file(),
    }  # fmt: skip


def thumbnail_of(store: Store, name: str) -> Path:
    """The WebP file with the small copy of a picture, which is made at the first call. Raises `MissingImage`."""
    path = store.thumbnails / f"{name}.webp"
    if not NAME.fullmatch(name) or not store.path(name).is_file():
        raise MissingImage("There is no such picture (any more).")
    if not path.is_file():
        with PIL.Image.open(store.path(name), formats=("PNG",)) as picture:
            picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
            small = picture.convert("RGB")
        store.write(path, lambda file: small.save(file, "WEBP", quality=85))
    return path
